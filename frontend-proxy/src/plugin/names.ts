import manifest from '../../package.json' with { type: 'json' }

/** The name of the npm package and of the plugin. The keys of the plugin's global symbols contain this name. */
export const PLUGIN_NAME: string = manifest.name

export const PLUGIN_VERSION: string = manifest.version

/** The name of the Python package, of its command, and of its state folder. */
export const SIDECAR_NAME = 'signaling-sidecar'

export const LOG_PREFIX = '[signaling]'
