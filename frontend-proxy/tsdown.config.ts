import { defineConfig } from 'tsdown'

const shared = { format: 'esm', dts: true, clean: false, fixedExtension: true } as const

// A build for each, because the plugin runs in Node, the client in a browser, and the tracer on a
// page of its own: none may share a chunk with another.
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
  {
    ...shared,
    entry: 'src/trace/page.ts',
    outDir: 'dist/trace',
    platform: 'browser',
    target: 'es2022',
    dts: false,
  },
])
