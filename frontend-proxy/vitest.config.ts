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

/**
 * The tests that mock modules. The files of these tests share no worker, because the mocks would remain
 * for the next file.
 */
const WITH_MOCKS = [
  'in-bun',
  'no-home',
  'overlay-feed',
  'own-addresses',
  'read-only-folder',
  'too-many-files',
]

// Many companies set this variable. Node.js then parses the certificates of all authorities at each
// start, which takes longer than the rest of the start, and the tests start many processes.
delete process.env.NODE_EXTRA_CA_CERTS

const shared = {
  // Some tests start Vite and child processes. That takes 0.3 s on an idle machine, and many times as long
  // on a machine with two cores while browsers run there too.
  testTimeout: 60_000,
  hookTimeout: 60_000,
  // The test files of one worker share their imported modules, which saves a third of the CPU time. So mocks, globals
  // and environment variables that a test has replaced are restored before the next test.
  isolate: false,
  restoreMocks: true,
  unstubEnvs: true,
  unstubGlobals: true,
}

const inPlugin = (name: string) => `test/plugin/${name}.test.ts`

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
        },
      },
      {
        test: {
          ...shared,
          name: 'newest Vite',
          include: ['test/*.test.ts', 'test/plugin/*.test.ts'],
          exclude: WITH_MOCKS.map(inPlugin),
        },
      },
      {
        test: {
          ...shared,
          name: 'with mocks',
          include: WITH_MOCKS.map(inPlugin),
          isolate: true,
        },
      },
      {
        resolve: { alias: { vite: 'vite7' } },
        test: {
          ...shared,
          name: 'oldest Vite',
          include: WITH_VITE.map(inPlugin),
          env: { VITE_PACKAGE: 'vite7' },
        },
      },
    ],
  },
})
