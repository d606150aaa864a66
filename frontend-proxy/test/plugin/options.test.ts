import { expect, test } from 'vitest'
import { planFrom, startRefusal } from '../../src/plugin/options.ts'
import { makeProject, openVite } from './vite-project.ts'

test('by default a sidecar is found or started', () => {
  expect(planFrom({})).toMatchObject({ kind: 'sidecar', explicit: false })
})

test('with sidecar: false requests are only proxied, by default to the port of `sidecar serve`', () => {
  expect(planFrom({ sidecar: false })).toEqual({
    kind: 'proxy-only',
    target: 'http://127.0.0.1:8765',
    token: undefined,
  })
})

test.each([
  [{ target: 'http://127.0.0.1:1' }, 'target has an effect only with sidecar: false'],
  [{ token: 't' }, 'token has an effect only with sidecar: false'],
  [{ sidecar: false, stateDir: '/s' }, 'stateDir has no effect with sidecar: false'],
  [{ sidecar: false, test: true }, 'test has no effect with sidecar: false'],
  [{ test: true, stateDir: '/s' }, 'stateDir has no effect with test: true'],
  [{ sidecar: false, hooks: 'h.py' }, 'hooks has no effect with sidecar: false'],
  [
    { sidecar: false, allowedOrigins: ['app://.'] },
    'allowedOrigins has no effect with sidecar: false',
  ],
  [{ overlay: true, inspector: false }, 'overlay has no effect with inspector: false'],
] as const)('%j would do nothing and is refused', (options, sentence) => {
  expect(() => planFrom(options)).toThrow(sentence)
})

test.each([
  [false, {}, false],
  [false, { CI: 'false' }, false],
  [false, { CI: '' }, false],
  [false, { CI: '1' }, true],
  [true, { CI: '1' }, false],
  [true, { VITEST: 'true' }, true],
] as const)('explicit %s with %j: refused is %s', (explicit, env, refused) => {
  expect(startRefusal({ explicit, test: false }, env) !== undefined).toBe(refused)
})

test('a sidecar for tests is started in CI and under Vitest', () => {
  expect(startRefusal({ explicit: false, test: true }, { CI: '1', VITEST: 'true' })).toBe(undefined)
})

test.each([
  [{ target: 'signaling.team.example' }, "must be a URL with http or https, but is 'signaling."],
  [{ target: 'wss://signaling.team.example' }, 'must be a URL with http or https'],
  [{ target: 'https://ann:pw@team.example' }, 'must not contain a password'],
  [{ token: '' }, 'token must not be empty'],
  [{ token: 'two words' }, 'token must not be empty, and must not contain spaces or line breaks'],
])('%j is refused with a sentence', (options, sentence) => {
  expect(() => planFrom({ sidecar: false, ...options })).toThrow(sentence)
})

test.each([
  [null, 'the options of signaling() must be an object'],
  [{ overaly: true }, 'there is no option overaly, only sidecar, target, token, stateDir,'],
  [{ sidecar: { comand: 'x' } }, 'there is no option sidecar.comand, only sidecar.command, '],
  [{ lan: { http: true } }, 'there is no option lan.http, only lan.https'],
  [{ sidecar: 'false' }, "the option sidecar must be 'auto', true, false or an object"],
  [{ sidecar: null }, "the option sidecar must be 'auto', true, false or an object"],
  [{ sidecar: { command: 5 } }, 'the option sidecar.command must be a string or a list of strings'],
  [{ sidecar: { command: [] } }, 'the option sidecar.command must be'],
  [{ sidecar: { args: '--reload off' } }, 'the option sidecar.args must be a list of strings'],
  [{ sidecar: { env: [] } }, 'the option sidecar.env must be an object'],
  [{ sidecar: { port: '8765' } }, 'the option sidecar.port must be a whole number from 0 to 65535'],
  [{ sidecar: false, target: 8765 }, 'the option target must be a string'],
  [{ hooks: 5 }, 'the option hooks must be a string'],
  [{ stateDir: 5 }, 'the option stateDir must be a string'],
  [{ allowedOrigins: [5] }, 'the option allowedOrigins must be a string or a list of strings'],
  [{ trace: 'true' }, 'the option trace must be true or false'],
  [{ lan: 'https' }, 'the option lan must be true, false or an object'],
])('%j has a wrong type and is refused with a sentence', (options, sentence) => {
  expect(() => planFrom(options as object)).toThrow(sentence)
})

test.each([true, 'auto', undefined] as const)('sidecar: %j is the default', (sidecar) => {
  expect(planFrom({ sidecar })).toEqual(planFrom({}))
})

test('one allowed origin need not be in a list', () => {
  const allowedOrigins = 'https://app.example'
  expect(planFrom({ allowedOrigins })).toMatchObject({ allowedOrigins: [allowedOrigins] })
})

test('with a wrong option Vite continues without signaling, and one line says why', async () => {
  const { url, lines } = await openVite(makeProject(), { token: 'secret' })
  expect((await fetch(url)).status).toBe(200)
  expect(lines.all.filter((line) => line.includes('[signaling]'))).toEqual([
    '[signaling] token has an effect only with sidecar: false; Vite continues without signaling',
  ])
})

test('no message contains the password or the token that is wrong', () => {
  for (const options of [{ target: 'https://ann:secret@team.example' }, { token: 'secret\n' }]) {
    expect(() => planFrom({ sidecar: false, ...options })).not.toThrow('secret')
  }
})
