import { signaling } from './plugin.ts'

export type { SidecarOptions, SignalingOptions } from './options.ts'
export { signaling as default, signaling }

/** The value that `require()` returns in a CommonJS config: a function that does the same as `signaling`. */
const required: typeof signaling & { default: typeof signaling; signaling: typeof signaling } =
  Object.assign((...args: Parameters<typeof signaling>) => signaling(...args), {
    default: signaling,
    signaling,
  })

export { required as 'module.exports' }
