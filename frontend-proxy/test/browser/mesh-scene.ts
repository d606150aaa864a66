import { beforeEach, vi } from 'vitest'
import { Mesh, type MeshEvents, SignalingClient } from '../../src/browser/index.ts'
import { useFakeClock } from './fake-clock.ts'
import { FakePeerConnection } from './fake-peer-connection.ts'
import { FakeWebSocket, fakeNetwork } from './fake-web-socket.ts'

/** Gives each test of the calling file a fake clock, and fake peer connections. */
export function useFakeConnections(): void {
  useFakeClock()
  beforeEach(() => {
    FakePeerConnection.made = []
    vi.stubGlobal('RTCPeerConnection', FakePeerConnection)
    vi.stubGlobal('MediaStream', class {})
  })
}

export const ben = { peerId: 'ben', joinedAt: 5, instance: 'b1' }

export interface Scene {
  mesh: Mesh
  client: SignalingClient
  /** Returns the frames that the client has sent since the last call, without joins. */
  sent: () => Record<string, unknown>[]
  /** Closes the connection, opens the next one after `afterMs`, and answers the join with `peers`. */
  comeBack: (peers: object[], afterMs?: number) => Promise<void>
  deliver: (...frames: object[]) => Promise<void>
}

/** Creates a mesh that has joined a room with these peers. */
export async function scene(peers: object[]): Promise<Scene> {
  const client = new SignalingClient({ ...fakeNetwork, room: 'bar', peerId: 'ann' })
  const mesh = new Mesh(client, { trace: false }) // Other tests check trace frames.
  await vi.advanceTimersByTimeAsync(0)
  const list = (listed: object[]) => ({
    type: 'peer_list',
    roomId: 'bar',
    joinedAt: 9,
    peers: listed,
  })
  const latest = () => FakeWebSocket.made.at(-1) as FakeWebSocket
  const deliver = async (...frames: object[]) => {
    for (const frame of frames) latest().deliver(frame)
    await vi.advanceTimersByTimeAsync(0)
  }
  const open = async (listed: object[]) => {
    latest().open()
    await deliver(list(listed))
  }
  await open(peers)
  return {
    mesh,
    client,
    sent: () =>
      latest()
        .sent.splice(0)
        .filter(({ type }) => type !== 'join'),
    comeBack: async (listed, afterMs = 1_000) => {
      latest().drop(1006)
      await vi.advanceTimersByTimeAsync(afterMs)
      await open(listed)
    },
    deliver,
  }
}

export const pc = (nth = -1): FakePeerConnection =>
  FakePeerConnection.made.at(nth) as FakePeerConnection
export const state = ({ mesh }: Scene) =>
  mesh.peers.map(({ peerId, state }) => `${peerId} ${state}`)

export function reasons(mesh: Mesh): MeshEvents['removed'][] {
  const removed: MeshEvents['removed'][] = []
  mesh.addEventListener('removed', ({ detail }) => removed.push(detail))
  return removed
}

/** Creates a mesh that is connected to Ben. */
export async function connected(): Promise<Scene> {
  const room = await scene([ben])
  await room.deliver({ type: 'answer', from: 'ben', sdp: 'a' })
  pc().become('connected')
  room.sent()
  return room
}
