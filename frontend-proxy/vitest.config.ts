import { defineConfig } from 'vitest/config'

/** Tests that run a Vite: also in the oldest that the plugin supports. */
const WITH_VITE = ['life', 'middleware-mode', 'preview', 'proxy', 'page-urls', 'vite-ends']

const shared = {
  // A life test starts a real Vite and real child processes: 0.3 s on an idle machine, many times
  // that on 2 cores which run browsers at the same time.
  testTimeout: 60_000,
  hookTimeout: 60_000,
}

export default defineConfig({
  test: {
    projects: [
      { test: { ...shared, name: 'newest Vite', include: ['test/**/*.test.ts'] } },
      {
        resolve: { alias: { vite: 'vite7' } },
        test: {
          ...shared,
          name: 'oldest Vite',
          include: WITH_VITE.map((name) => `test/plugin/${name}.test.ts`),
          env: { VITE_PACKAGE: 'vite7' },
        },
      },
    ],
  },
})
