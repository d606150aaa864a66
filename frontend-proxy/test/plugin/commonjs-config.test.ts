import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { loadConfigFromFile } from 'vite'
import { expect, test } from 'vitest'
import { makeProject } from './vite-project.ts'

const PACKAGE = fileURLToPath(new URL('../..', import.meta.url))
const NAME = 'vite-plugin-signaling-sidecar'

test.each([
  `const signaling = require('${NAME}')`,
  `const { signaling } = require('${NAME}')`,
  `const { default: signaling } = require('${NAME}')`,
])('a CommonJS config can load the plugin: %s', async (line) => {
  const { root } = makeProject()
  mkdirSync(path.join(root, 'node_modules'))
  symlinkSync(PACKAGE, path.join(root, 'node_modules', NAME), 'junction')
  const config = path.join(root, 'vite.config.cjs')
  writeFileSync(config, `${line}\nmodule.exports = { plugins: [signaling({ trace: true })] }\n`)
  const loaded = await loadConfigFromFile({ command: 'serve', mode: 'development' }, config)
  expect(loaded?.config.plugins).toMatchObject([{ name: NAME }])
})
