import { availableParallelism } from 'node:os'
import { defineConfig } from 'vitest/config'

/** The tests that start Vite. They run a second time with the oldest version of Vite that the plugin supports. */
const WITH_VITE = [
  'inspector',
  'life',
  'middleware-mode',
  'preview',
  'proxy',
  'page-urls',
  'vite-ends',
]

const shared = {
  // Some tests start Vite and child processes. That takes 0.3 s on an idle machine, and many times as long
  // on a machine with two cores while browsers run there too.
  testTimeout: 60_000,
  hookTimeout: 60_000,
}

export default defineConfig({
  test: {
    // Tests that start Vite mostly wait for other processes, so with one worker per core the cores would be idle.
    maxWorkers: availableParallelism() + 3,
    projects: [
      {
        test: {
          ...shared,
          name: 'browser',
          include: ['test/{browser,overlay}/*.test.ts'],
          setupFiles: ['test/browser/no-listener-limit.ts'],
          // The test files of one worker share their imported modules, which saves a third of the CPU time. So mocks
          // and globals that a test has replaced are restored before the next test.
          isolate: false,
          restoreMocks: true,
          unstubGlobals: true,
        },
      },
      {
        test: {
          ...shared,
          name: 'newest Vite',
          include: ['test/*.test.ts', 'test/plugin/*.test.ts'],
        },
      },
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
