import { defineConfig } from 'tsdown'

const shared = { format: 'esm', dts: true, clean: false, fixedExtension: true } as const

// Two builds, because the plugin runs in Node and the client in a browser: neither may share a
// chunk with the other.
export default defineConfig([
  {
    ...shared,
    entry: 'src/plugin/index.ts',
    outDir: 'dist/plugin',
    platform: 'node',
    target: 'node20.19',
  },
  {
    ...shared,
    entry: 'src/browser/index.ts',
    outDir: 'dist/browser',
    platform: 'browser',
    target: 'es2022',
  },
])
