import { defineConfig } from 'tsdown'

const shared = { format: 'esm', dts: { oxc: true }, clean: false, fixedExtension: true } as const

/** A script that the plugin serves to pages as a single file. */
const pageScript = (name: string) => ({
  ...shared,
  entry: `src/${name}/page.ts`,
  outDir: `dist/${name}`,
  platform: 'browser' as const,
  target: 'es2022',
  dts: false,
})

// The builds are separate, so that they share no chunks: the plugin and `testing` run in Node, but the client
// is bundled with an app.
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
  pageScript('trace'),
  pageScript('overlay'),
])
