import { defineConfig } from 'tsdown'

const shared = { format: 'esm', dts: { oxc: true }, clean: false, fixedExtension: true } as const

// There are separate builds, so that they share no chunks: the plugin and the testing tools run in Node, the client is
// bundled with an app, and the tracer is served to pages as a single file.
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
    entry: 'src/testing/index.ts',
    outDir: 'dist/testing',
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
