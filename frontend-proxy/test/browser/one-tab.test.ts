import { describe, expect, it, vi } from 'vitest'
import { Mesh, SignalingClient } from '../../src/browser/index.ts'
import { FakeWebSocket, fakeNetwork } from './fake-web-socket.ts'
import {
  admit,
  client,
  FIRST_RETRY_MS,
  joined,
  opened,
  page,
  record,
  useFakePage,
  warned,
} from './page-scene.ts'

useFakePage()

describe('the newest client of a page', () => {
  it('takes over the id, the session and the slot of one that was never closed', async () => {
    const earlier = await joined()
    const newer = client()
    expect(earlier.events).toEqual(['left replaced'])
    expect(earlier.socket.readyState).toBe(3)
    const socket = await opened()
    expect(socket.sent).toMatchObject([{ peerId: newer.peerId, resume: { token: 'one' } }])
    expect(socket.sent[0]?.peerId).toBe(earlier.socket.sent[0]?.peerId)
    expect(socket.sent[0]?.instance).not.toBe(earlier.socket.sent[0]?.instance)
    await vi.advanceTimersByTimeAsync(60_000)
    expect(earlier.socket.sent).toHaveLength(1)
    expect(earlier.signaling.state).toBe('idle')
  })

  it('loses the slot to an earlier one if the page listens to that one, but never to the newest one', async () => {
    const kept = client()
    const discarded = client()
    const { peerId } = discarded
    const events = record(kept)
    expect([kept.peerId, kept.room, discarded.room]).toEqual([peerId, 'bar', undefined])
    admit(await opened(), 'one', peerId)
    expect(events).toEqual(['peer_list'])
    expect(warned).toEqual([])
    expect(console.info).not.toHaveBeenCalled()
  })

  it('loses the slot to an earlier one if the page listens to the mesh of that one', async () => {
    const kept = new Mesh(client())
    const discarded = new Mesh(client())
    expect(kept.client.room).toBeUndefined()
    kept.addEventListener('message', () => {})
    expect([kept.client.room, discarded.client.room]).toEqual(['bar', undefined])
  })

  it('keeps the slot if the page listens to both, with a warning', async () => {
    const { signaling: earlier } = await joined()
    const newer = client()
    record(newer)
    record(earlier)
    expect([earlier.room, newer.room]).toEqual([undefined, 'bar'])
    expect(warned[0]).toContain("has replaced it in the room 'bar'")
    await vi.advanceTimersByTimeAsync(0)
    expect(console.info).toHaveBeenCalledOnce()
  })

  it('takes the slot without a warning from one whose mesh was just closed', async () => {
    const earlier = new Mesh(client())
    earlier.addEventListener('message', () => {})
    earlier.close()
    const newer = new Mesh(client())
    newer.addEventListener('message', () => {})
    earlier.addEventListener('message', () => {}) // As a React effect may do.
    await vi.advanceTimersByTimeAsync(1)
    expect([earlier.client.room, newer.client.room]).toEqual([undefined, 'bar'])
    expect(warned).toEqual([])
    expect(console.info).not.toHaveBeenCalled()
  })

  it('sends nothing for a mesh that was closed, and one warning says so', () => {
    const mesh = new Mesh(client())
    mesh.close()
    expect([mesh.send('hi'), mesh.send('hi')]).toEqual([0, 0])
    expect(warned).toEqual([expect.stringContaining('this mesh was closed, so it sends nothing')])
  })

  it('repeats the join of an earlier one if that join has not been answered yet', async () => {
    client()
    const first = await opened()
    client()
    const second = await opened()
    const { id: _first, ...join } = first.sent[0] ?? {}
    expect(second.sent).toMatchObject([join])
    expect(join).toMatchObject({ resume: true })
  })

  it('continues the session of one that was closed without a connection', async () => {
    const earlier = await joined()
    earlier.socket.drop(1006)
    earlier.signaling.close()
    client()
    expect((await opened()).sent).toMatchObject([{ resume: { token: 'one' } }])
  })

  it('continues the session of one that was just closed, without a leave', async () => {
    const earlier = await joined()
    earlier.signaling.close()
    await vi.advanceTimersByTimeAsync(200)
    client()
    expect((await opened(1_000)).sent).toMatchObject([{ resume: { token: 'one' } }])
    expect(earlier.socket.sent).toHaveLength(1)
    expect(earlier.events).toEqual(['left closed'])
  })

  it('takes over only the id of one that has left', async () => {
    const earlier = await joined()
    earlier.signaling.leave()
    const { peerId } = client()
    expect((await opened()).sent).toMatchObject([{ peerId, resume: true }])
    expect(peerId).toBe(earlier.socket.sent[0]?.peerId)
  })

  it('is a new peer if it has another id, and the earlier one leaves', async () => {
    const earlier = await joined({ peerId: 'ann' })
    client({ peerId: 'ben' })
    expect(earlier.socket.sent.at(-1)).toEqual({ type: 'leave' })
    expect((await opened()).sent).toMatchObject([{ peerId: 'ben', resume: true }])
  })

  it('also replaces a client of another copy of the library', async () => {
    const earlier = await joined()
    vi.resetModules()
    const copy = await import('../../src/browser/index.ts')
    expect(copy.SignalingClient).not.toBe(SignalingClient)
    new copy.SignalingClient({ ...fakeNetwork, room: 'bar' })
    expect(earlier.events).toEqual(['left replaced'])
    expect((await opened()).sent).toMatchObject([{ resume: { token: 'one' } }])
  })

  it('does not stop the earlier one from watching the list of rooms', async () => {
    const earlier = await joined()
    earlier.signaling.watchRooms()
    const ends: boolean[] = []
    earlier.signaling.addEventListener('disconnected', ({ detail }) => ends.push(detail.final))
    client()
    expect(ends).toEqual([false])
    await vi.advanceTimersByTimeAsync(0)
    const [, ...sockets] = FakeWebSocket.made
    for (const socket of sockets) socket.open()
    expect(sockets.map(({ sent }) => sent[0]?.type).sort()).toEqual(['join', 'watch_rooms'])
  })

  it('does not replace a client in another room, in another slot or of another sidecar', async () => {
    const earlier = await joined()
    client({ room: 'pub' })
    client({ slot: 'second' })
    client({ url: 'ws://other.test/ws/signaling' })
    expect(earlier.events).toEqual([])
    await vi.advanceTimersByTimeAsync(0)
    const ids = FakeWebSocket.made.map((socket) => {
      if (socket.readyState === 0) socket.open()
      return socket.sent[0]?.peerId
    })
    expect(new Set(ids).size).toBe(4)
  })
})

describe('a client that leaves before its join is answered, and joins again,', () => {
  async function joinsAgain() {
    const signaling = client({ peerId: 'ann' })
    const socket = await opened()
    signaling.leave()
    signaling.join()
    admit(socket, 'of the session that it has left')
    expect(signaling.joined).toBe(false)
    return { signaling, socket }
  }

  it('uses the answer to its second join', async () => {
    const { signaling, socket } = await joinsAgain()
    admit(socket, 'two')
    expect(signaling.joined).toBe(true)
    socket.drop(1006)
    const next = await opened(FIRST_RETRY_MS)
    expect(next.sent).toMatchObject([{ type: 'join', resume: { token: 'two' } }])
  })

  it('asks again if the sidecar has answered only one of the two', async () => {
    const { signaling, socket } = await joinsAgain()
    await vi.advanceTimersByTimeAsync(1_000)
    expect(socket.sent.map(({ type }) => type)).toEqual(['join', 'leave', 'join', 'join'])
    admit(socket, 'two')
    expect(signaling.joined).toBe(true)
  })

  it('uses the first answer on another connection', async () => {
    const signaling = client({ peerId: 'ann' })
    const socket = await opened()
    signaling.leave()
    signaling.join()
    socket.drop(1006)
    admit(await opened(FIRST_RETRY_MS), 'one')
    expect(signaling.joined).toBe(true)
  })
})

describe('a page', () => {
  it('repeats an unanswered join after each reload', async () => {
    client()
    const first = await opened()
    for (let reload = 0; reload < 3; reload += 1) {
      page.reload()
      client()
      const { peerId, instance } = (await opened()).sent[0] ?? {}
      expect({ peerId, instance }).toMatchObject({
        peerId: first.sent[0]?.peerId,
        instance: first.sent[0]?.instance,
      })
    }
  })

  it('keeps the session of an id that the app has chosen after a reload', async () => {
    await joined({ peerId: 'user-1' })
    page.reload()
    client({ peerId: 'user-1' })
    expect((await opened()).sent).toMatchObject([{ peerId: 'user-1', resume: { token: 'one' } }])
  })

  it('continues the session of another page when it returns from the back/forward cache', async () => {
    const first = await joined({ peerId: 'ann' })
    page.reload()
    client({ peerId: 'ann' })
    admit(await opened(), 'two')
    page.reload()
    page.dispatchEvent(Object.assign(new Event('pageshow'), { persisted: true }))
    const socket = await opened(FIRST_RETRY_MS)
    expect(socket.sent).toMatchObject([{ peerId: 'ann', resume: { token: 'two' } }])
    expect(first.events).toEqual([])
  })
})

describe('a mesh that is closed', () => {
  const options = { trace: false }

  it('closes its client, which leaves the room', async () => {
    const { signaling, socket } = await joined()
    new Mesh(signaling, options).close()
    await vi.advanceTimersByTimeAsync(1_000)
    expect(socket.sent.at(-1)).toEqual({ type: 'leave' })
    expect(socket.readyState).toBe(3)
  })

  it('does not close a client that another mesh uses, even one that is created afterwards', async () => {
    const { signaling, events } = await joined()
    const first = new Mesh(signaling, options)
    first.close()
    const second = new Mesh(signaling, options)
    first.close()
    await vi.advanceTimersByTimeAsync(1_000)
    expect(signaling.joined).toBe(true)
    expect(events).toEqual([])
    second.close({ keepClient: true })
    await vi.advanceTimersByTimeAsync(1_000)
    expect(signaling.joined).toBe(true)
  })

  it('has closed its client, which joins again for a later mesh', async () => {
    const { signaling } = await joined()
    new Mesh(signaling, options).close()
    await vi.advanceTimersByTimeAsync(10_000)
    expect(signaling.room).toBeUndefined()
    new Mesh(signaling, options)
    expect((await opened()).sent).toMatchObject([{ type: 'join', roomId: 'bar' }])
  })

  it.each(['before', 'after'])(
    'has a client that joins again for a later mesh, also if the page closes the client %s the mesh (StrictMode)',
    async (order) => {
      const { signaling } = await joined()
      const mesh = new Mesh(signaling, options)
      if (order === 'before') signaling.close()
      mesh.close()
      if (order === 'after') signaling.close()
      new Mesh(signaling, options)
      await vi.advanceTimersByTimeAsync(1_000)
      expect(signaling.room).toBe('bar')
    },
  )

  it('does not join a room for a later mesh if its client was in none', async () => {
    const never = new SignalingClient(fakeNetwork)
    const { signaling } = await joined()
    signaling.leave()
    for (const roomless of [never, signaling]) {
      new Mesh(roomless, options).close()
      new Mesh(roomless, options).close()
      await vi.advanceTimersByTimeAsync(1_000)
      new Mesh(roomless, options)
      expect(roomless.room).toBeUndefined()
    }
  })

  it('keeps the slot when the page is unloaded', async () => {
    const { signaling, socket } = await joined()
    new Mesh(signaling, options)
    page.reload()
    await vi.advanceTimersByTimeAsync(1_000)
    expect(socket.sent).toHaveLength(1)
    new Mesh({ ...fakeNetwork, room: 'bar' }, options)
    expect((await opened()).sent).toMatchObject([{ resume: { token: 'one' } }])
  })
})
