import { expect, test } from 'vitest'
import { planFrom, startRefusal } from '../../src/plugin/options.ts'

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
  [{ target: 'http://127.0.0.1:1' }, 'signaling: target has an effect only with sidecar: false'],
  [{ token: 't' }, 'signaling: token has an effect only with sidecar: false'],
  [{ sidecar: false, stateDir: '/s' }, 'signaling: stateDir has no effect with sidecar: false'],
  [{ sidecar: false, test: true }, 'signaling: test has no effect with sidecar: false'],
  [{ test: true, stateDir: '/s' }, 'signaling: stateDir has no effect with test: true'],
  [{ sidecar: false, hooks: 'h.py' }, 'signaling: hooks has no effect with sidecar: false'],
  [
    { sidecar: false, allowedOrigins: ['app://.'] },
    'signaling: allowedOrigins has no effect with sidecar: false',
  ],
  [{ overlay: true, inspector: false }, 'signaling: overlay has no effect with inspector: false'],
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

test('no message contains the password or the token that is wrong', () => {
  for (const options of [{ target: 'https://ann:secret@team.example' }, { token: 'secret\n' }]) {
    expect(() => planFrom({ sidecar: false, ...options })).not.toThrow('secret')
  }
})
