import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { beforeEach, expect, onTestFinished, test } from 'vitest'
import { findCommands, startFailure, versionOf } from '../../src/plugin/find-command.ts'
import { projectFolders } from '../../src/plugin/project-folders.ts'

let folder: string

beforeEach(() => {
  folder = realpathSync(mkdtempSync(path.join(tmpdir(), 'find-command-')))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
})

function program(...steps: string[]): string {
  const file = path.join(folder, ...steps)
  mkdirSync(path.dirname(file), { recursive: true })
  writeFileSync(file, '')
  chmodSync(file, 0o755)
  return file
}

const at = (...steps: string[]) => path.join(folder, ...steps)

const findFirst = (...wanted: Parameters<typeof findCommands>) => findCommands(...wanted)[0]

test('the active environment is tried first, then .venv, then PATH, and uvx last', () => {
  const found = [
    program('active', 'bin', 'signaling-sidecar'),
    program('app', '.venv', 'bin', 'signaling-sidecar'),
    program('.venv', 'bin', 'signaling-sidecar'),
    program('path', 'signaling-sidecar'),
  ]
  const uvx = program('path', 'uvx')
  const env = { VIRTUAL_ENV: at('active'), PATH: at('path') }
  expect(findCommands([at('app'), at()], env, 'linux')).toEqual([
    ...found.map((file) => [file]),
    [uvx, '--from', 'signaling-sidecar[lan,reload]', 'signaling-sidecar'],
  ])
  expect(findCommands([at('app'), at()], { PATH: '' }, 'darwin')).toEqual([[found[1]], [found[2]]])
})

test('an environment without the program is skipped, and one that occurs twice is tried once', () => {
  program('active', 'bin', 'python')
  const file = program('.venv', 'bin', 'signaling-sidecar')
  expect(findCommands([at()], { VIRTUAL_ENV: at('active') }, 'linux')).toEqual([[file]])
  expect(findCommands([at()], { VIRTUAL_ENV: at('.venv') }, 'linux')).toEqual([[file]])
})

test('on Windows the program is an .exe in Scripts, PATH may be spelled Path, and .cmd files are skipped', () => {
  const inVenv = program('.venv', 'Scripts', 'signaling-sidecar.exe')
  program('first', 'signaling-sidecar.cmd')
  const onPath = program('second', 'signaling-sidecar.exe')
  const env = { Path: `${at('first')};${at('second')}` }
  expect(findFirst([at()], env, 'win32')).toEqual([inVenv])
  rmSync(inVenv)
  expect(findFirst([at()], env, 'win32')).toEqual([onPath])
})

test('a folder with that name, a file that is not executable and a relative PATH entry are skipped', () => {
  mkdirSync(at('first', 'signaling-sidecar'), { recursive: true })
  chmodSync(program('second', 'signaling-sidecar'), 0o644)
  program('third', 'signaling-sidecar')
  const relative = path.relative(process.cwd(), at('third'))
  const env = { PATH: [at('first'), at('second'), relative, ''].join(':') }
  expect(findCommands([at()], env, 'linux')).toEqual([])
})

test('a script without its interpreter is distinguished from a missing program', () => {
  const error = Object.assign(new Error('spawn x ENOENT'), { code: 'ENOENT' })
  const script = program('script')
  writeFileSync(script, '#!/of/another/machine/bin/python3\nimport sys\n')
  expect(startFailure(script, error)).toBe(
    'spawn x ENOENT (its interpreter /of/another/machine/bin/python3 does not exist)',
  )
  const inCafe = program('café', 'python3')
  writeFileSync(script, `#!${inCafe}\n`)
  expect(startFailure(script, error)).toBe('spawn x ENOENT')
  writeFileSync(script, '#!/bin/sh\n')
  for (const file of [script, at('nothing'), program('empty')]) {
    expect(startFailure(file, error)).toBe('spawn x ENOENT')
  }
})

test('folders are searched up to the root of the repository', () => {
  mkdirSync(at('repository', '.git'), { recursive: true })
  const root = at('repository', 'packages', 'app')
  mkdirSync(root, { recursive: true })
  expect(projectFolders(root)).toEqual([root, at('repository', 'packages'), at('repository')])
})

test('without a repository, folders are searched up to the package', () => {
  const root = at('package', 'demo')
  mkdirSync(root, { recursive: true })
  writeFileSync(at('package', 'package.json'), '{}')
  expect(projectFolders(root)).toEqual([root, at('package')])
})

test('a program whose interpreter cannot be examined has a version', () => {
  const file = program('bin', 'signaling-sidecar')
  // For a user who may not read the folder of the interpreter, `stat` fails too.
  symlinkSync(at('python'), at('python'))
  writeFileSync(file, `#!${at('python')}\n`)
  const before = versionOf(file)
  expect(versionOf(file)).toBe(before)
  rmSync(at('python'))
  program('python')
  expect(versionOf(file)).not.toBe(before)
})
