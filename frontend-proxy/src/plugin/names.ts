import manifest from '../../package.json' with { type: 'json' }

/** The npm package, the Vite plugin and its place on `globalThis` share one name. */
export const PLUGIN_NAME: string = manifest.name

export const PLUGIN_VERSION: string = manifest.version

/** Distribution, command and state folder of the Python side. */
export const SIDECAR_NAME = 'signaling-sidecar'

export const LOG_PREFIX = '[signaling]'
