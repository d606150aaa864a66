// Checks the types of the options, because TypeScript does not check them in vite.config.js.

import type { SidecarOptions, SignalingOptions } from './options.ts'

/** Which values an option may have: in words, for the error message, and as a function that checks a value. */
type Kind = readonly [words: string, matches: (value: unknown) => boolean]

type Kinds<Options> = Readonly<Record<keyof Options, Kind>>

const isText = (value: unknown): value is string => typeof value === 'string'
const isBoolean = (value: unknown) => typeof value === 'boolean'
const isList = (value: unknown): value is unknown[] => Array.isArray(value) && value.every(isText)
const isObject = (value: unknown) =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
const isPort = (value: unknown) =>
  Number.isInteger(value) && Number(value) >= 0 && Number(value) < 65536

const TEXT: Kind = ['a string', isText]
const BOOLEAN: Kind = ['true or false', isBoolean]

const OPTIONS: Kinds<SignalingOptions> = {
  sidecar: [
    "'auto', true, false or an object",
    (value) => value === 'auto' || isBoolean(value) || isObject(value),
  ],
  target: TEXT,
  token: TEXT,
  stateDir: TEXT,
  allowedOrigins: ['a string or a list of strings', (value) => isText(value) || isList(value)],
  hooks: TEXT,
  inspector: BOOLEAN,
  test: BOOLEAN,
  trace: BOOLEAN,
  overlay: BOOLEAN,
  lan: ['true, false or an object', (value) => isBoolean(value) || isObject(value)],
}

const OF_SIDECAR: Kinds<SidecarOptions> = {
  command: [
    'a string or a list of strings, and not empty',
    (value) => (isText(value) || isList(value)) && value.length > 0,
  ],
  args: ['a list of strings', isList],
  env: ['an object', isObject],
  port: ['a whole number from 0 to 65535', isPort],
}

const OF_LAN = { https: BOOLEAN }

/** Throws an error with one sentence if an option does not exist, or has a value of a wrong type. */
export function checkKinds(options: SignalingOptions): void {
  if (!isObject(options)) throw new Error('the options of signaling() must be an object')
  check(options, OPTIONS, '')
  if (typeof options.sidecar === 'object') check(options.sidecar, OF_SIDECAR, 'sidecar.')
  if (typeof options.lan === 'object') check(options.lan, OF_LAN, 'lan.')
}

/** Throws an error for the first wrong option. No message contains the value, because it may be a token. */
function check(values: object, kinds: Readonly<Record<string, Kind>>, prefix: string): void {
  for (const [name, value] of Object.entries(values)) {
    const kind = Object.hasOwn(kinds, name) ? kinds[name] : undefined
    if (kind === undefined) {
      const names = Object.keys(kinds).map((each) => prefix + each)
      throw new Error(`there is no option ${prefix}${name}, only ${names.join(', ')}`)
    }
    const [words, matches] = kind
    if (value !== undefined && !matches(value))
      throw new Error(`the option ${prefix}${name} must be ${words}`)
  }
}
