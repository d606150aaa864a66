import { availableParallelism } from 'node:os'
import { defineConfig } from 'vitest/config'

/** The tests that run Vite. They also run with the oldest version that the plugin supports. */
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
  // Some tests start Vite and child processes. That takes 0.3 s on an idle machine, and many times as
  // long while browsers run on the same two cores.
  testTimeout: 60_000,
  hookTimeout: 60_000,
}

export default defineConfig({
  test: {
    // Tests with Vite wait for other processes most of the time, so one worker for each core would leave the cores idle.
    maxWorkers: availableParallelism() + 3,
    projects: [
      {
        test: {
          ...shared,
          name: 'browser',
          include: ['test/{browser,overlay}/*.test.ts'],
          // The files that one worker runs share their imported modules, which takes a third less CPU time. What a test
          // replaces is restored before the next one.
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
