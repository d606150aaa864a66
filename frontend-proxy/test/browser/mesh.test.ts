import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { Mesh, type MeshEvents, SignalingClient } from '../../src/browser/index.ts'
import { FakePeerConnection } from './fake-peer-connection.ts'
import { FakeWebSocket, fakeNetwork } from './fake-web-socket.ts'

beforeEach(() => {
  FakeWebSocket.made = []
  FakePeerConnection.made = []
  vi.stubGlobal('RTCPeerConnection', FakePeerConnection)
  vi.stubGlobal('MediaStream', class {})
  vi.useFakeTimers()
  vi.spyOn(Math, 'random').mockReturnValue(0)
})

afterEach(() => {
  vi.useRealTimers()
  vi.restoreAllMocks()
  vi.unstubAllGlobals()
})

const ben = { peerId: 'ben', joinedAt: 5, instance: 'b1' }

interface Scene {
  mesh: Mesh
  client: SignalingClient
  /** What was sent since this was last asked, without the join. */
  sent: () => Record<string, unknown>[]
  /** The connection is lost, and `afterMs` later the next one opens and lists `peers`. */
  comeBack: (peers: object[], afterMs?: number) => Promise<void>
  deliver: (...frames: object[]) => Promise<void>
}

/** Somebody who has just joined a room with `peers` in it. */
async function scene(peers: object[]): Promise<Scene> {
  const client = new SignalingClient({ ...fakeNetwork, room: 'bar', peerId: 'ann' })
  const mesh = new Mesh(client, { trace: false }) // whose frames are other tests' matter
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

const pc = (nth = -1): FakePeerConnection => FakePeerConnection.made.at(nth) as FakePeerConnection
const state = ({ mesh }: Scene) => mesh.peers.map(({ peerId, state }) => `${peerId} ${state}`)

function reasons(mesh: Mesh): MeshEvents['removed'][] {
  const removed: MeshEvents['removed'][] = []
  mesh.addEventListener('removed', ({ detail }) => removed.push(detail))
  return removed
}

/** A room with Ben, whose connection is up. */
async function connected(): Promise<Scene> {
  const room = await scene([ben])
  await room.deliver({ type: 'answer', from: 'ben', sdp: 'a' })
  pc().become('connected')
  room.sent()
  return room
}

describe('who offers', () => {
  it('is the newcomer, to everybody in its first list', async () => {
    const room = await scene([ben, { peerId: 'cy' }])
    expect(room.sent()).toMatchObject([
      { type: 'offer', to: 'ben' },
      { type: 'offer', to: 'cy' },
    ])
  })

  it('is not the one who was there before', async () => {
    const room = await scene([])
    await room.deliver({ type: 'peer_joined', ...ben })
    expect(room.sent()).toEqual([])
    expect(state(room)).toEqual(['ben connecting'])
    await room.deliver({ type: 'offer', from: 'ben', sdp: 'o', link: 'l' })
    expect(room.sent()).toMatchObject([{ type: 'answer', to: 'ben', forLink: 'l' }])
  })

  it('is not asked of a peer that is away: it would not hear of it', async () => {
    const room = await scene([{ ...ben, away: true }])
    expect(room.sent()).toEqual([])
    expect(state(room)).toEqual(['ben away'])
  })

  it('is the one that joined earlier when both do, by the order the sidecar saw', async () => {
    const room = await scene([ben, { peerId: 'cy', joinedAt: 12 }])
    room.sent()
    await room.deliver(
      { type: 'offer', from: 'ben', sdp: 'o' },
      { type: 'offer', from: 'cy', sdp: 'o' },
    )
    expect(room.sent()).toMatchObject([{ type: 'answer', to: 'ben' }])
    await room.deliver({ type: 'answer', from: 'cy', sdp: 'a' })
    expect(pc(1).rollbacks).toBe(0)
    expect(pc(1).signalingState).toBe('stable')
  })
})

describe('signaling is not the call', () => {
  it('a connected pair is neither closed nor offered again when signaling comes back', async () => {
    const room = await connected()
    await room.comeBack([ben])
    expect(room.sent()).toEqual([])
    expect(FakePeerConnection.made).toHaveLength(1)
    expect(state(room)).toEqual(['ben connected'])
  })

  it('a pending offer is sent again when signaling comes back', async () => {
    const room = await scene([ben])
    room.sent()
    await room.comeBack([ben])
    expect(room.sent()).toMatchObject([{ type: 'offer', sdp: 'offer 1' }])
  })

  it('a pair that is not connected restarts when signaling comes back', async () => {
    const room = await scene([ben])
    await room.deliver({ type: 'answer', from: 'ben', sdp: 'a' })
    room.sent()
    await room.comeBack([ben])
    expect(pc().restarts).toBe(1)
    expect(room.sent()).toMatchObject([{ type: 'offer', sdp: 'offer 2' }])
  })

  it('a connected peer that the sidecar gave up as lost stays until its transport is down', async () => {
    const room = await connected()
    const removed = reasons(room.mesh)
    await room.deliver({ type: 'peer_left', peerId: 'ben', reason: 'lost' })
    expect(state(room)).toEqual(['ben connected'])
    pc().become('disconnected')
    expect(removed).toMatchObject([{ peerId: 'ben', reason: 'lost' }])
  })
})

describe('a peer that is missing from a new list', () => {
  it('is unconfirmed for 30 s and then dropped', async () => {
    const room = await scene([ben])
    await room.comeBack([])
    expect(state(room)).toEqual(['ben unconfirmed'])
    await vi.advanceTimersByTimeAsync(29_999)
    expect(state(room)).toEqual(['ben unconfirmed'])
    await vi.advanceTimersByTimeAsync(1)
    expect(state(room)).toEqual([])
    expect(pc().connectionState).toBe('closed')
  })

  it('does not get 30 s more from each further list', async () => {
    const room = await scene([ben])
    await room.comeBack([])
    await room.comeBack([], 20_000)
    await vi.advanceTimersByTimeAsync(10_000)
    expect(state(room)).toEqual([])
  })

  it('is kept after that as long as its transport is up', async () => {
    const room = await connected()
    await room.comeBack([])
    await vi.advanceTimersByTimeAsync(60_000)
    expect(state(room)).toEqual(['ben connected'])
    pc().become('failed')
    expect(state(room)).toEqual([])
  })

  it('is confirmed by joining again, and nothing is rebuilt', async () => {
    const room = await connected()
    await room.comeBack([])
    await room.comeBack([])
    await room.deliver({ type: 'peer_joined', ...ben })
    await vi.advanceTimersByTimeAsync(60_000)
    pc().become('disconnected')
    expect(state(room)).toEqual(['ben connecting'])
    expect(FakePeerConnection.made).toHaveLength(1)
  })
})

describe('two pages that are loaded anew at once', () => {
  it('do not take what was said to the page before for theirs', async () => {
    const room = await scene([])
    await room.deliver({ type: 'peer_joined', ...ben })
    const offer = { type: 'offer', from: 'ben', sdp: 'o', link: 'l' }
    await room.deliver({ ...offer, forInstance: 'of the page before' })
    expect(room.sent()).toEqual([])
    await room.deliver({ ...offer, link: 'next', forInstance: room.client.instance })
    expect(room.sent()).toMatchObject([{ type: 'answer', forLink: 'next', forInstance: 'b1' }])
  })
})

describe('a peer with another instance', () => {
  it('is rebuilt, and its reloaded page makes the offer', async () => {
    const room = await connected()
    await room.deliver({ type: 'peer_updated', peerId: 'ben', instance: 'b2' })
    expect(pc(0).connectionState).toBe('closed')
    expect(FakePeerConnection.made).toHaveLength(2)
    expect(room.sent()).toEqual([])
    expect(state(room)).toEqual(['ben connecting'])
  })

  it('is rebuilt and offered to when it is found in a new list', async () => {
    const room = await connected()
    await room.comeBack([{ ...ben, instance: 'b2' }])
    expect(pc(0).connectionState).toBe('closed')
    expect(room.sent()).toMatchObject([{ type: 'offer', to: 'ben' }])
  })

  it('is told apart from one that only changed its name', async () => {
    const room = await connected()
    await room.deliver({ type: 'peer_updated', peerId: 'ben', name: 'Benjamin' })
    expect(FakePeerConnection.made).toHaveLength(1)
    expect(room.mesh.peers[0]?.peer.name).toBe('Benjamin')
  })
})

it.each(['left', 'moved', 'closed', 'kicked', 'room-closed'])(
  'a peer that has gone is closed, though connected: %s',
  async (reason) => {
    const room = await connected()
    const removed = reasons(room.mesh)
    await room.deliver({ type: 'peer_left', peerId: 'ben', reason })
    expect(removed).toMatchObject([{ peerId: 'ben', reason }])
    expect(pc().connectionState).toBe('closed')
  },
)

it('leaving the room closes every connection', async () => {
  const room = await connected()
  room.client.leave()
  expect(state(room)).toEqual([])
  expect(pc().connectionState).toBe('closed')
})

describe('a connection that does not come up', () => {
  it('has failed after 15 s, though the browser never says so, and another is tried', async () => {
    const room = await scene([ben])
    const link = room.sent()[0]?.link
    await vi.advanceTimersByTimeAsync(15_000)
    expect(state(room)).toEqual(['ben failed'])
    expect(pc(0).connectionState).toBe('closed')
    expect(room.sent().filter((frame) => frame.link !== link)).toMatchObject([
      { type: 'offer', to: 'ben' },
    ])
  })

  it('is given more time at each try, up to a minute', async () => {
    await scene([ben])
    const tries: number[] = []
    for (const waitMs of [15_000, 30_000, 60_000, 60_000]) {
      await vi.advanceTimersByTimeAsync(waitMs - 1)
      tries.push(FakePeerConnection.made.length)
      await vi.advanceTimersByTimeAsync(1)
    }
    expect(tries).toEqual([1, 2, 3, 4])
    expect(FakePeerConnection.made).toHaveLength(5)
  })

  it('that fails at once, as a DTLS handshake does, is tried again at once only the first time', async () => {
    const room = await scene([ben])
    pc().become('failed')
    await vi.advanceTimersByTimeAsync(0)
    expect(FakePeerConnection.made).toHaveLength(2)
    pc().become('failed')
    await vi.advanceTimersByTimeAsync(29_999)
    expect(FakePeerConnection.made).toHaveLength(2)
    await vi.advanceTimersByTimeAsync(1)
    expect(FakePeerConnection.made).toHaveLength(3)
    expect(state(room)).toEqual(['ben failed'])
  })

  it('is not made anew without signaling, and goes on when that is back', async () => {
    const room = await scene([ben])
    await room.comeBack([ben], 15_000)
    expect(FakePeerConnection.made).toHaveLength(1)
    expect(room.sent()).toMatchObject([{ type: 'offer', sdp: 'offer 1' }])
    await vi.advanceTimersByTimeAsync(15_000)
    expect(FakePeerConnection.made).toHaveLength(2)
  })

  it('after it was up is restarted first, then made anew', async () => {
    await connected()
    pc().become('failed')
    await vi.advanceTimersByTimeAsync(0)
    expect(pc().restarts).toBe(1)
    expect(FakePeerConnection.made).toHaveLength(1)
    await vi.advanceTimersByTimeAsync(15_000)
    expect(FakePeerConnection.made).toHaveLength(2)
  })
})

describe('frames of a connection that is gone', () => {
  it('are dropped', async () => {
    const room = await scene([ben])
    await room.deliver(
      { type: 'answer', from: 'ben', sdp: 'a', link: 'l', forLink: 'of the page before' },
      { type: 'candidate', from: 'ben', candidate: { candidate: 'c' }, link: 'unheard of' },
    )
    expect(pc().remoteDescription).toBeNull()
    await room.deliver({ type: 'answer', from: 'ben', sdp: 'a', link: 'l' })
    expect(pc().candidates).toEqual([])
    expect(pc().remoteDescription?.sdp).toBe('a')
  })

  it('are told from an offer of a new one, which replaces ours', async () => {
    const room = await scene([ben])
    await room.deliver({ type: 'answer', from: 'ben', sdp: 'a', link: 'first' })
    room.sent()
    await room.deliver({ type: 'offer', from: 'ben', sdp: 'o', link: 'second' })
    expect(FakePeerConnection.made).toHaveLength(2)
    expect(room.sent()).toMatchObject([{ type: 'answer', forLink: 'second' }])
  })
})

describe('a message', () => {
  it('goes to all, or to one, and says how many that were', async () => {
    const room = await scene([ben, { peerId: 'cy' }, { peerId: 'dan' }])
    pc(0).become('connected')
    pc(1).become('connected')
    expect(room.mesh.send('all')).toBe(2)
    expect(room.mesh.send('one', 'cy')).toBe(1)
    expect(room.mesh.send('not yet there', 'dan')).toBe(0)
    expect(room.mesh.send('unknown', 'eve')).toBe(0)
    expect(pc(1).channel.sent).toEqual(['all', 'one'])
  })
})

it('a mesh that is made in a room meets everybody who is there', async () => {
  const room = await connected()
  room.mesh.close()
  const next = new Mesh(room.client, { trace: false })
  await vi.advanceTimersByTimeAsync(0)
  expect(next.peers).toMatchObject([{ peerId: 'ben' }])
  expect(room.sent()).toMatchObject([{ type: 'offer', to: 'ben' }])
})
