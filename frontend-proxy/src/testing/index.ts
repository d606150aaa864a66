export { type SidecarCommands, sidecarCommands } from './browser-commands.ts'
export { type ConnectOptions, connectToSidecar } from './connect-to-sidecar.ts'
export {
  NotConnectedError,
  SidecarGoneError,
  SidecarNotFoundError,
  SidecarRefusedError,
  SidecarStartError,
} from './errors.ts'
export { type StartedSidecar, type StartOptions, startSidecar } from './start-sidecar.ts'
export type { Expectation, TestRoom } from './test-room.ts'
export type { TestSidecar } from './test-sidecar.ts'
export type { Peer, Rejection, Verdict } from './verdict.ts'
