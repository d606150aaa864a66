import { describe, expect, it, vi } from 'vitest'
import { Mesh } from '../../src/browser/index.ts'
import { FakePeerConnection } from './fake-peer-connection.ts'
import { ben, connected, pc, scene, state, useFakeConnections } from './mesh-scene.ts'
import { again, resumable, resumed } from './resume-scene.ts'

useFakeConnections()

describe('two pages that are reloaded at the same time', () => {
  it('ignore signals for the pages before them', async () => {
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
  it('gets a new link, and its reloaded page sends the offer', async () => {
    const room = await connected()
    await room.deliver({ type: 'peer_updated', peerId: 'ben', instance: 'b2' })
    expect(pc(0).connectionState).toBe('closed')
    expect(FakePeerConnection.made).toHaveLength(2)
    expect(room.sent()).toEqual([])
    expect(state(room)).toEqual(['ben connecting'])
  })

  it('gets a new link and an offer if it is in a new list', async () => {
    const room = await connected()
    await room.comeBack([{ ...ben, instance: 'b2' }])
    expect(pc(0).connectionState).toBe('closed')
    expect(room.sent()).toMatchObject([{ type: 'offer', to: 'ben' }])
  })

  it('is distinguished from a peer that has only changed its name', async () => {
    const room = await connected()
    await room.deliver({ type: 'peer_updated', peerId: 'ben', name: 'Benjamin' })
    expect(FakePeerConnection.made).toHaveLength(1)
    expect(room.mesh.peers[0]?.peer.name).toBe('Benjamin')
  })
})

describe('a link that does not come up', () => {
  it('has failed after 15 s, even if the browser never reports it, and is replaced', async () => {
    const room = await scene([ben])
    const link = room.sent()[0]?.link
    await vi.advanceTimersByTimeAsync(15_000)
    expect(state(room)).toEqual(['ben failed'])
    expect(pc(0).connectionState).toBe('closed')
    expect(room.sent().filter((frame) => frame.link !== link)).toMatchObject([
      { type: 'offer', to: 'ben' },
    ])
  })

  it('gets more time at each attempt, up to one minute', async () => {
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

  it('that fails at once (as a DTLS handshake can) is replaced at once only the first time', async () => {
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

  it('is not replaced without signaling, and continues when signaling is back', async () => {
    const room = await scene([ben])
    await room.comeBack([ben], 15_000)
    expect(FakePeerConnection.made).toHaveLength(1)
    expect(room.sent()).toMatchObject([{ type: 'offer', sdp: 'offer 1' }])
    await vi.advanceTimersByTimeAsync(15_000)
    expect(FakePeerConnection.made).toHaveLength(2)
  })

  it('gets an ICE restart first if it was up before, and is then replaced', async () => {
    await connected()
    pc().become('failed')
    await vi.advanceTimersByTimeAsync(0)
    expect(pc().restarts).toBe(1)
    expect(FakePeerConnection.made).toHaveLength(1)
    await vi.advanceTimersByTimeAsync(15_000)
    expect(FakePeerConnection.made).toHaveLength(2)
  })
})

describe('a link that fails while no signals can be sent', () => {
  it('restarts ICE when the peer is no longer away, not only at the next deadline', async () => {
    const room = await connected()
    await room.deliver({ type: 'peer_updated', peerId: 'ben', away: true })
    pc().become('failed')
    await room.deliver({ type: 'peer_updated', peerId: 'ben', name: 'Benjamin' })
    expect(room.sent()).toEqual([])
    await room.deliver({ type: 'peer_updated', peerId: 'ben', away: false })
    expect(pc().restarts).toBe(1)
    expect(room.sent()).toMatchObject([{ type: 'offer', to: 'ben' }])
  })

  it('restarts ICE when the client has resumed its session', async () => {
    const { signaling, socket } = await resumable()
    new Mesh(signaling, { trace: false })
    await vi.advanceTimersByTimeAsync(0)
    socket.deliver({ type: 'answer', from: 'ben', sdp: 'a' })
    await vi.advanceTimersByTimeAsync(0)
    pc().become('connected')
    const next = await again(socket)
    pc().become('failed')
    expect(pc().restarts).toBe(0)
    next.deliver(resumed(1))
    await vi.advanceTimersByTimeAsync(0)
    expect(pc().restarts).toBe(1)
    expect(next.sent.filter(({ type }) => type === 'offer')).toHaveLength(1)
  })

  it('stays as it is if it is up again by then', async () => {
    const room = await connected()
    await room.deliver({ type: 'peer_updated', peerId: 'ben', away: true })
    pc().become('failed')
    pc().become('connected')
    await room.deliver({ type: 'peer_updated', peerId: 'ben', away: false })
    expect(pc().restarts).toBe(0)
    expect(room.sent()).toEqual([])
  })
})

it.each([
  ['the same page gets an offer, because its link may seem to be up', 'b1', ['offer']],
  ['a reloaded page sends the offer', 'b2', []],
])('when a lost peer returns, %s', async (_, instance, sent) => {
  const room = await connected()
  await room.deliver({ type: 'peer_left', peerId: 'ben', reason: 'lost' })
  pc().become('failed')
  expect(state(room)).toEqual([])
  await room.deliver({ type: 'peer_joined', ...ben, joinedAt: 20, instance })
  expect(room.sent().map(({ type }) => type)).toEqual(sent)
})

it('a mesh remembers only the 256 peers that were lost last', async () => {
  const room = await scene([])
  const peers = Array.from({ length: 257 }, (_, nth) => ({ ...ben, peerId: `peer-${nth}` }))
  for (const peer of peers) {
    await room.deliver({ type: 'peer_joined', ...peer })
    await room.deliver({ type: 'peer_left', peerId: peer.peerId, reason: 'lost' })
  }
  for (const nth of [0, 1, 256]) await room.deliver({ type: 'peer_joined', ...peers[nth] })
  expect(room.sent().map(({ to }) => to)).toEqual(['peer-1', 'peer-256'])
})

it('an offer for a link that is up is sent again when its peer joins again', async () => {
  const room = await connected()
  pc().restartIce() // as if the page had turned on its camera
  await room.comeBack([])
  expect(state(room)).toEqual(['ben connected'])
  room.sent()
  await room.deliver({ type: 'peer_joined', ...ben, joinedAt: 20 })
  expect(room.sent()).toMatchObject([{ type: 'offer', to: 'ben' }])
})

it('a peer that was away while the mesh was replaced gets an offer when it joins again', async () => {
  const room = await connected()
  await room.comeBack([])
  room.mesh.close({ keepClient: true })
  const mesh = new Mesh(room.client, { trace: false })
  expect(mesh.peers).toEqual([])
  await room.deliver({ type: 'peer_joined', ...ben, joinedAt: 20 })
  expect(room.sent()).toMatchObject([{ type: 'offer', to: 'ben' }])
})

it('an offer is sent again to a peer that returns, also if the link was down for a moment before', async () => {
  const room = await connected()
  pc().restartIce()
  await room.comeBack([{ ...ben, away: true }])
  pc().become('disconnected')
  pc().become('connected')
  expect(room.sent()).toEqual([])
  await room.deliver({ type: 'peer_updated', peerId: 'ben', away: false })
  expect(room.sent()).toMatchObject([{ type: 'offer', to: 'ben' }])
})

describe('signals of an earlier link', () => {
  it('are ignored', async () => {
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

  it('are answered with an offer if the peer continues a link that was closed', async () => {
    const room = await scene([])
    await room.deliver({ type: 'peer_joined', ...ben })
    const continued = { type: 'offer', from: 'ben', sdp: 'o', link: 'l', forLink: 'the closed one' }
    await room.deliver(continued)
    expect(room.sent()).toMatchObject([{ type: 'offer', to: 'ben' }])
    await room.deliver({ type: 'answer', from: 'ben', sdp: 'a', link: 'next' }, continued)
    expect(room.sent()).toEqual([])
  })

  it("are answered with the offer of a new link if the peer's link has used a signal of a closed link", async () => {
    const room = await scene([])
    await room.deliver({ type: 'peer_joined', ...ben })
    await room.deliver({ type: 'offer', from: 'ben', sdp: 'o', link: 'l' })
    const [{ link } = {}] = room.sent()
    await room.deliver({ type: 'answer', from: 'ben', sdp: 'a', link: 'l', forLink: 'closed' })
    const [offer] = room.sent()
    expect(offer).toMatchObject({ type: 'offer', to: 'ben' })
    expect([undefined, link]).not.toContain(offer?.link)
    expect(pc(0).connectionState).toBe('closed')
  })

  it('are distinguished from the answer of a new link, even after an ignored offer of the earlier link', async () => {
    const room = await scene([])
    await room.deliver({ type: 'peer_joined', ...ben, joinedAt: 20 })
    await vi.advanceTimersByTimeAsync(15_000)
    const [{ link } = {}] = room.sent()
    await room.deliver({ type: 'offer', from: 'ben', sdp: 'o', link: 'first' })
    await room.deliver({ type: 'answer', from: 'ben', sdp: 'a', link: 'second', forLink: link })
    expect(pc().remoteDescription).toMatchObject({ type: 'answer', sdp: 'a' })
    await room.deliver({ type: 'answer', from: 'ben', sdp: 'b', link: 'first', forLink: link })
    expect(pc().remoteDescription).toMatchObject({ sdp: 'a' })
  })

  it('do not replace our link if they are offers that collide with ours, so a new link can answer it', async () => {
    const room = await scene([])
    await room.deliver({ type: 'peer_joined', ...ben, joinedAt: 20 })
    await vi.advanceTimersByTimeAsync(15_000)
    const [{ link } = {}] = room.sent()
    const count = FakePeerConnection.made.length
    for (const its of ['closed by now', 'new']) {
      await room.deliver({ type: 'offer', from: 'ben', sdp: 'o', link: its })
    }
    expect(FakePeerConnection.made).toHaveLength(count)
    await room.deliver({ type: 'answer', from: 'ben', sdp: 'a', link: 'new', forLink: link })
    expect(pc().remoteDescription).toMatchObject({ type: 'answer', sdp: 'a' })
  })

  it('make us repeat our offer once if they collide with it, and once more for an offer of a new link', async () => {
    const room = await scene([])
    await room.deliver({ type: 'peer_joined', ...ben, joinedAt: 20 })
    await vi.advanceTimersByTimeAsync(15_000)
    room.sent()
    for (const link of ['first', 'first', 'second']) {
      await room.deliver({ type: 'offer', from: 'ben', sdp: 'o', round: 1, link })
    }
    expect(room.sent()).toMatchObject(Array(2).fill({ type: 'offer', round: 1 }))
  })

  it('are distinguished from the offer of a new link, which replaces ours', async () => {
    const room = await scene([ben])
    await room.deliver({ type: 'answer', from: 'ben', sdp: 'a', link: 'first' })
    room.sent()
    await room.deliver({ type: 'offer', from: 'ben', sdp: 'o', link: 'second' })
    expect(FakePeerConnection.made).toHaveLength(2)
    expect(room.sent()).toMatchObject([{ type: 'answer', forLink: 'second' }])
  })
})
