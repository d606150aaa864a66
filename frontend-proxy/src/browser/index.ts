export type { WebSocketClass } from './connection.ts'
export { deviceName } from './device-name.ts'
export type { Peer, PeerLeftReason, RelayedFrame, RelayKind, Room } from './frames.ts'
export { Mesh } from './mesh.ts'
export type { MeshEvents, MeshOptions, MeshPeer, PeerState, RemovedReason } from './mesh-events.ts'
export { SignalingClient } from './signaling-client.ts'
export type {
  JoinOptions,
  LeaveReason,
  Profile,
  SignalingEvents,
  SignalingOptions,
} from './signaling-events.ts'
export type { Token } from './token-source.ts'
