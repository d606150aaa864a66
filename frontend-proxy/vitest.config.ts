import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // A life test starts a real Vite and real child processes: 0.3 s on an idle machine, many times
    // that on 2 cores which run browsers at the same time.
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
})
