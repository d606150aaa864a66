import { describe, expect, it, vi } from 'vitest'
import { FakePeerConnection } from './fake-peer-connection.ts'
import { ben, connected, pc, scene, state } from './mesh-scene.ts'

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
