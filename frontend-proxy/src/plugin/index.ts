export type { SidecarOptions, SignalingOptions } from './options.ts'
export { signaling as default, signaling } from './plugin.ts'
