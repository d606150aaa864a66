import { describe, expect, it, vi } from 'vitest'
import { Mesh, SignalingClient } from '../../src/browser/index.ts'
import { FakeWebSocket, fakeNetwork } from './fake-web-socket.ts'
import {
  admit,
  client,
  FIRST_RETRY_MS,
  joined,
  joins,
  opened,
  refuse,
  settled,
  ticket,
  tokens,
  useFakePage,
  warned,
} from './page-scene.ts'

useFakePage()

/** Returns a `token` function, and the list of its calls. The test resolves each call later. */
function slow() {
  const calls: { resolve(token: string | null): void }[] = []
  const token = () => new Promise<string | null>((resolve) => calls.push({ resolve }))
  return { calls, token }
}

describe('a token', () => {
  it('that is a string is sent in the join, and not in the URL', async () => {
    client({ token: 'secret' })
    const socket = await opened()
    expect(socket.sent).toMatchObject([{ type: 'join', token: 'secret' }])
    expect(socket.url).toBe(fakeNetwork.url)
  })

  it.each([
    ['a promise', async () => 'secret'],
    ['a string', () => 'secret'],
  ])('can come from a function that returns %s', async (_, token) => {
    client({ token })
    expect((await opened()).sent).toMatchObject([{ type: 'join', token: 'secret' }])
  })

  it('passes through a mesh', async () => {
    new Mesh({ ...fakeNetwork, room: 'bar', token: async () => 'secret' })
    expect((await opened()).sent).toMatchObject([{ type: 'join', token: 'secret' }])
  })

  it('is sent in each join of the client, unless that join has one of its own', async () => {
    const signaling = new SignalingClient({ ...fakeNetwork, token: 'general' })
    signaling.join('bar')
    const socket = await opened()
    signaling.join('pub', { token: 'for the pub' })
    signaling.join('bar', { capacity: 8 })
    expect(joins(socket)).toMatchObject([
      { roomId: 'bar', token: 'general' },
      { roomId: 'pub', token: 'for the pub' },
      { roomId: 'bar', token: 'general' },
    ])
  })

  it.each(['', undefined])('that is %j is not sent', async (token) => {
    client(token === undefined ? {} : { token })
    expect((await opened()).sent[0]).not.toHaveProperty('token')
  })
})

describe('a function for tokens', () => {
  it('is called before the connection opens, and the connection waits for it', async () => {
    const { calls, token } = slow()
    const signaling = client({ token })
    await vi.advanceTimersByTimeAsync(60_000)
    expect(FakeWebSocket.made).toEqual([])
    expect(signaling.state).toBe('connecting')
    calls[0]?.resolve('1')
    expect((await opened()).sent).toMatchObject([{ type: 'join', token: '1' }])
    expect(calls).toHaveLength(1)
  })

  it('is called once for each connection, but not again while no connection opens', async () => {
    const token = tokens()
    const { socket } = await joined({ token })
    socket.drop(1006)
    for (let attempts = 1; attempts <= 5; attempts += 1) {
      await vi.advanceTimersByTimeAsync(5_000)
      FakeWebSocket.made.at(-1)?.drop(1006)
    }
    const next = await opened(5_000)
    expect(next.sent).toMatchObject([{ type: 'join', token: '2' }])
    expect(token).toHaveBeenCalledTimes(2)
  })

  it('is called again for a join on an open connection, because the user may be another one', async () => {
    const { signaling, socket } = await joined({ token: tokens() })
    signaling.leave()
    signaling.join('pub')
    await settled()
    expect(joins(socket)).toMatchObject([{ token: '1' }, { roomId: 'pub', token: '2' }])
  })

  it('is not called again for a join that is repeated on the same connection', async () => {
    const token = tokens()
    client({ token, peerId: 'user-1' })
    const socket = await opened()
    refuse(socket, 'id-taken')
    await vi.advanceTimersByTimeAsync(1_000)
    expect(joins(socket)).toMatchObject([{ token: '1' }, { token: '1' }])
    expect(token).toHaveBeenCalledTimes(1)
  })

  it('is called once for each of two clients of a page', async () => {
    const token = tokens()
    client({ token })
    client({ token, slot: 'second' })
    await settled()
    for (const socket of FakeWebSocket.made) socket.open()
    expect(FakeWebSocket.made.map(({ sent }) => sent[0]?.token).sort()).toEqual(['1', '2'])
  })

  it('that is slow does not block close()', async () => {
    const { calls, token } = slow()
    const signaling = client({ token })
    await settled()
    signaling.close()
    expect(signaling.state).toBe('idle')
    calls[0]?.resolve('of the former user')
    await vi.advanceTimersByTimeAsync(60_000)
    expect(FakeWebSocket.made).toEqual([])

    signaling.join()
    await settled()
    calls[1]?.resolve('of the next user')
    expect((await opened()).sent).toMatchObject([{ token: 'of the next user' }])
  })

  it('that is slow does not block a move to another room', async () => {
    const { calls, token } = slow()
    const signaling = client({ token })
    await settled()
    signaling.join('pub', { token: 'for the pub' })
    calls[0]?.resolve(null)
    expect((await opened()).sent).toMatchObject([{ roomId: 'pub', token: 'for the pub' }])
    expect(signaling.room).toBe('pub')
  })

  it('that is slow on an open connection sends nothing after the client has left', async () => {
    const { calls, token } = slow()
    const { signaling, socket } = await joined()
    signaling.join('pub', { token })
    signaling.leave()
    calls[0]?.resolve('late')
    await settled()
    expect(socket.sent.map(({ type }) => type)).toEqual(['join', 'leave', 'leave'])
  })
})

describe('a token that has expired', () => {
  it('is replaced after the close of the connection, and the session is resumed', async () => {
    const { signaling, socket, events } = await joined({ peerId: 'ann', token: tokens() })
    signaling.broadcast({ n: 1 })
    socket.drop(4401, 'token expired')
    signaling.broadcast({ n: 2 })
    const next = await opened(FIRST_RETRY_MS)
    expect(next.sent).toMatchObject([{ token: '2', resume: { token: 'one', after: 0 } }])
    next.deliver({ type: 'resumed', roomId: 'bar', peerId: 'ann', resume: ticket('two'), ca: 1 })
    expect(next.sent.slice(1)).toMatchObject([{ type: 'broadcast', n: 2, c: 2 }])
    expect(events).toEqual(['resumed'])
    expect(warned).toEqual([])
  })

  it('is replaced once after the refusal of a join, which is then repeated', async () => {
    const { socket, events, signaling } = await joined({ peerId: 'ann', token: tokens() })
    socket.drop(1006)
    const next = await opened(FIRST_RETRY_MS)
    refuse(next, 'unauthorised')
    await settled()
    expect(joins(next)).toMatchObject([{ token: '2' }, { token: '3', resume: { token: 'one' } }])
    next.deliver({ type: 'resumed', roomId: 'bar', peerId: 'ann', resume: ticket('two'), ca: 0 })
    expect(events).toEqual(['waiting unauthorised', 'resumed'])
    expect(signaling.joined).toBe(true)
  })

  it('is replaced once again after each token that was accepted', async () => {
    const { socket, events } = await joined({ token: tokens() })
    for (let last = socket, count = 1; count <= 3; count += 1) {
      last.drop(4401)
      last = await opened(FIRST_RETRY_MS)
      refuse(last, 'unauthorised')
      await settled()
      admit(last, 'next')
      await vi.advanceTimersByTimeAsync(5_000)
    }
    expect(events.filter((event) => event.startsWith('refused'))).toEqual([])
  })

  it('cannot be replaced if it is a string, which the console says', async () => {
    const { socket, events, signaling } = await joined({ token: 'old' })
    socket.drop(4401, 'token expired')
    const next = await opened(FIRST_RETRY_MS)
    refuse(next, 'unauthorised')
    expect(events).toEqual(['left refused', 'refused unauthorised'])
    expect(warned).toEqual([expect.stringContaining('Pass a function')])
    expect(joins(next)).toHaveLength(1)
    expect(signaling.room).toBeUndefined()
  })
})
