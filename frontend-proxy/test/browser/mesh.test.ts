import { describe, expect, it, vi } from 'vitest'
import { Mesh, type MeshEvents } from '../../src/browser/index.ts'
import { FakePeerConnection } from './fake-peer-connection.ts'
import { ben, connected, pc, reasons, scene, state, useFakeConnections } from './mesh-scene.ts'
import { again, resumable, resumed } from './resume-scene.ts'

useFakeConnections()

describe('the peer that sends the offer', () => {
  it('is the newcomer, which sends one to everybody in its first list', async () => {
    const room = await scene([ben, { peerId: 'cy' }])
    expect(room.sent()).toMatchObject([
      { type: 'offer', to: 'ben' },
      { type: 'offer', to: 'cy' },
    ])
  })

  it('is not the peer that was in the room before', async () => {
    const room = await scene([])
    await room.deliver({ type: 'peer_joined', ...ben })
    expect(room.sent()).toEqual([])
    expect(state(room)).toEqual(['ben connecting'])
    await room.deliver({ type: 'offer', from: 'ben', sdp: 'o', link: 'l' })
    expect(room.sent()).toMatchObject([{ type: 'answer', to: 'ben', forLink: 'l' }])
  })

  it('does not send one to a peer that is away, which would not receive it', async () => {
    const room = await scene([{ ...ben, away: true }])
    expect(room.sent()).toEqual([])
    expect(state(room)).toEqual(['ben away'])
  })

  it('sends it when a peer that was away in the list returns', async () => {
    const room = await scene([{ ...ben, away: true }])
    await room.deliver({ type: 'peer_updated', peerId: 'ben', name: 'Benjamin' })
    expect(room.sent()).toEqual([])
    await room.deliver({ type: 'peer_updated', peerId: 'ben', away: false })
    expect(room.sent()).toMatchObject([{ type: 'offer', to: 'ben' }])
    await room.deliver({ type: 'peer_updated', peerId: 'ben', away: true })
    await room.deliver({ type: 'peer_updated', peerId: 'ben', away: false })
    expect(room.sent()).toEqual([])
  })

  it('does not send it to a peer that returns with a reloaded page, which sends an offer itself', async () => {
    const room = await scene([{ ...ben, away: true }])
    await room.deliver({ type: 'peer_updated', peerId: 'ben', away: false, instance: 'b2' })
    expect(room.sent()).toEqual([])
  })

  it('is the one that joined earlier if both send one', async () => {
    const room = await scene([ben, { peerId: 'cy', joinedAt: 12 }])
    room.sent()
    await room.deliver(
      { type: 'offer', from: 'ben', sdp: 'o' },
      { type: 'offer', from: 'cy', sdp: 'o' },
    )
    // Cy may not have received the first offer.
    expect(room.sent()).toMatchObject([
      { type: 'offer', to: 'cy' },
      { type: 'answer', to: 'ben' },
    ])
    await room.deliver({ type: 'answer', from: 'cy', sdp: 'a' })
    expect(pc(1).rollbacks).toBe(0)
    expect(pc(1).signalingState).toBe('stable')
  })
})

describe('when the signaling connection is back', () => {
  it('a connected link is neither closed nor renegotiated', async () => {
    const room = await connected()
    await room.comeBack([ben])
    expect(room.sent()).toEqual([])
    expect(FakePeerConnection.made).toHaveLength(1)
    expect(state(room)).toEqual(['ben connected'])
  })

  it('a pending offer is sent again', async () => {
    const room = await scene([ben])
    room.sent()
    await room.comeBack([ben])
    expect(room.sent()).toMatchObject([{ type: 'offer', sdp: 'offer 1' }])
  })

  it('a link that is not connected restarts ICE', async () => {
    const room = await scene([ben])
    await room.deliver({ type: 'answer', from: 'ben', sdp: 'a' })
    room.sent()
    await room.comeBack([ben])
    expect(pc().restarts).toBe(1)
    expect(room.sent()).toMatchObject([{ type: 'offer', sdp: 'offer 2' }])
  })

  it('a connected peer that the sidecar reports as lost stays until its link is down', async () => {
    const room = await connected()
    const removed = reasons(room.mesh)
    await room.deliver({ type: 'peer_left', peerId: 'ben', reason: 'lost' })
    expect(state(room)).toEqual(['ben connected'])
    pc().become('disconnected')
    expect(removed).toMatchObject([{ peerId: 'ben', reason: 'lost' }])
  })
})

describe('a peer that is missing from a new list', () => {
  it('is unconfirmed for 30 s and then removed', async () => {
    const room = await scene([ben])
    await room.comeBack([])
    expect(state(room)).toEqual(['ben unconfirmed'])
    await vi.advanceTimersByTimeAsync(29_999)
    expect(state(room)).toEqual(['ben unconfirmed'])
    await vi.advanceTimersByTimeAsync(1)
    expect(state(room)).toEqual([])
    expect(pc().connectionState).toBe('closed')
  })

  it('does not get another 30 s from each further list', async () => {
    const room = await scene([ben])
    await room.comeBack([])
    await room.comeBack([], 20_000)
    await vi.advanceTimersByTimeAsync(10_000)
    expect(state(room)).toEqual([])
  })

  it('stays after that as long as its link is up', async () => {
    const room = await connected()
    await room.comeBack([])
    await vi.advanceTimersByTimeAsync(60_000)
    expect(state(room)).toEqual(['ben connected'])
    pc().become('failed')
    expect(state(room)).toEqual([])
  })

  it('is confirmed when it joins again, and keeps its link', async () => {
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

it.each(['left', 'moved', 'closed', 'kicked', 'room-closed'])(
  'the link to a peer that has gone is closed, even if it is up: %s',
  async (reason) => {
    const room = await connected()
    const removed = reasons(room.mesh)
    await room.deliver({ type: 'peer_left', peerId: 'ben', reason })
    expect(removed).toMatchObject([{ peerId: 'ben', reason }])
    expect(pc().connectionState).toBe('closed')
  },
)

it('leaving the room closes every link', async () => {
  const room = await connected()
  room.client.leave()
  expect(state(room)).toEqual([])
  expect(pc().connectionState).toBe('closed')
})

describe('a message', () => {
  it('is sent to all or to one, and the number of receivers is returned', async () => {
    const room = await scene([ben, { peerId: 'cy' }, { peerId: 'dan' }])
    pc(0).become('connected')
    pc(1).become('connected')
    expect(room.mesh.send('all')).toBe(2)
    expect(room.mesh.send('one', 'cy')).toBe(1)
    expect(room.mesh.send('not yet there', 'dan')).toBe(0)
    expect(room.mesh.send('unknown', 'eve')).toBe(0)
    expect(pc(1).channel.sent).toEqual(['all', 'one'])
  })

  it('reaches the others when the queue to one peer is full, and throws only if it reaches nobody', async () => {
    const room = await scene([ben, { peerId: 'cy' }])
    for (const nth of [0, 1]) pc(nth).become('connected')
    pc(0).channel.send = () => {
      throw new Error('the queue is full')
    }
    expect(room.mesh.send('all')).toBe(1)
    expect(pc(1).channel.sent).toEqual(['all'])
    expect(() => room.mesh.send('one', 'ben')).toThrow('the queue is full')
    await room.deliver({ type: 'peer_left', peerId: 'cy', reason: 'left' })
    expect(() => room.mesh.send('all')).toThrow('the queue is full')
  })
})

describe('an error of the browser', () => {
  it('in the constructor for one peer is a problem, and the others are connected', async () => {
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => {})
    const room = await scene([])
    const problems: MeshEvents['problem'][] = []
    room.mesh.addEventListener('problem', ({ detail }) => problems.push(detail))
    const error = new SyntaxError('not a valid URL')
    class Throwing {
      constructor() {
        vi.stubGlobal('RTCPeerConnection', FakePeerConnection)
        throw error
      }
    }
    vi.stubGlobal('RTCPeerConnection', Throwing)
    await room.comeBack([ben, { peerId: 'cy' }])
    expect(problems).toEqual([{ peerId: 'ben', error }])
    expect(state(room)).toEqual(['cy connecting'])
    expect(warn).toHaveBeenCalledWith(
      expect.stringContaining('The error: SyntaxError: not a valid URL'),
    )
    await room.deliver({ type: 'peer_updated', ...ben, name: 'Ben' })
    expect(state(room)).toEqual(['cy connecting', 'ben connecting'])
  })

  it('that has no WebRTC is explained, and the client can still send signals', async () => {
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => {})
    vi.stubGlobal('RTCPeerConnection', undefined)
    const room = await scene([ben])
    expect(state(room)).toEqual([])
    expect(warn.mock.calls).toEqual([[expect.stringContaining('WebRTC is not available here')]])
    room.client.relay('ben', 'signal', { hello: 1 })
    expect(room.sent()).toMatchObject([{ type: 'signal', to: 'ben', hello: 1 }])
  })

  it('in the constructor of a later connection keeps the earlier one', async () => {
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => {})
    const room = await connected()
    await room.deliver({ type: 'offer', from: 'ben', sdp: 'first', link: 'one' })
    class Throwing {
      constructor() {
        throw new Error('too many connections')
      }
    }
    vi.stubGlobal('RTCPeerConnection', Throwing)
    await room.deliver({ type: 'offer', from: 'ben', sdp: 'second', link: 'two' })
    expect(state(room)).toEqual(['ben connected'])
    expect(pc().remoteDescription).toMatchObject({ sdp: 'first' })
    expect(warn).toHaveBeenCalledOnce()
  })
})

it('a mesh of a client that has joined already connects to everybody in the room', async () => {
  const room = await connected()
  room.mesh.close()
  const next = new Mesh(room.client, { trace: false })
  await vi.advanceTimersByTimeAsync(0)
  expect(next.peers).toMatchObject([{ peerId: 'ben' }])
  expect(room.sent()).toMatchObject([{ type: 'offer', to: 'ben' }])
})

it('a mesh that is created while its client reconnects connects to everybody when the session is resumed', async () => {
  const { signaling, socket } = await resumable()
  const next = await again(socket)
  const mesh = new Mesh(signaling, { trace: false })
  await vi.advanceTimersByTimeAsync(0)
  next.deliver(resumed(0))
  expect(mesh.peers).toMatchObject([{ peerId: 'ben' }])
  expect(next.sent.slice(1)).toMatchObject([{ type: 'offer', to: 'ben' }])
})
