import { describe, expect, it, vi } from 'vitest'
import { SignalingClient } from '../../src/browser/index.ts'
import { FakeWebSocket, fakeNetwork } from './fake-web-socket.ts'
import {
  admit,
  client,
  FIRST_RETRY_MS,
  joined,
  joins,
  opened,
  record,
  refuse,
  settled,
  ticket,
  tokens,
  useFakePage,
  warned,
} from './page-scene.ts'

useFakePage()

describe('a token that the sidecar does not accept', () => {
  it('ends the join after the second one was refused, too', async () => {
    const events = record(client({ token: tokens() }))
    const socket = await opened()
    refuse(socket, 'unauthorised')
    await settled()
    refuse(socket, 'unauthorised')
    await vi.advanceTimersByTimeAsync(60_000)
    expect(joins(socket)).toHaveLength(2)
    expect(events).toEqual(['waiting unauthorised', 'left refused', 'refused unauthorised'])
    expect(warned).toHaveLength(1)
  })

  it('does not make the client reconnect when the sidecar closes the useless connection', async () => {
    const signaling = client({ token: 'wrong' })
    const ends: unknown[] = []
    signaling.addEventListener('disconnected', ({ detail }) => ends.push(detail))
    const socket = await opened()
    refuse(socket, 'unauthorised')
    socket.drop(4401, 'unauthorised')
    await vi.advanceTimersByTimeAsync(60_000)
    expect(ends).toEqual([{ code: 4401, reason: 'unauthorised', final: true }])
    expect(signaling.state).toBe('idle')
    expect(FakeWebSocket.made).toHaveLength(1)
  })
})

describe('a function that returns no token', () => {
  it.each([
    [null, 'null'],
    ['', 'an empty string'],
    [undefined, 'undefined'],
    [{ token: 'x' }, 'object'],
  ])('but %j ends the join, and nothing is connected', async (value, name) => {
    const signaling = client({ token: async () => value as string })
    const events = record(signaling)
    await vi.advanceTimersByTimeAsync(60_000)
    expect(events).toEqual(['left refused', 'refused no-token'])
    expect(warned).toEqual([expect.stringContaining(`has returned ${name}. Call join() again`)])
    expect(signaling.state).toBe('idle')
    expect(FakeWebSocket.made).toEqual([])
  })

  it('is called again by join()', async () => {
    let token: string | null = null
    const signaling = client({ token: () => token })
    await settled()
    token = 'after the login'
    signaling.join()
    expect((await opened()).sent).toMatchObject([{ roomId: 'bar', token }])
  })

  it('may be called again by a listener of the event that reports the missing token', async () => {
    let token: string | null = null
    const signaling = client({ token: () => token })
    signaling.addEventListener('refused', () => {
      token = 'after the login'
      signaling.join()
    })
    const socket = await opened()
    await settled()
    expect(socket.sent).toMatchObject([{ roomId: 'bar', token: 'after the login' }])
  })

  it('ends a join on an open connection, and leaves the connection as it is', async () => {
    const { signaling, events } = await joined()
    signaling.join('pub', { token: () => null })
    await settled()
    expect(events).toEqual(['left moved', 'left refused', 'refused no-token'])
    expect(signaling.state).toBe('connected')
  })
})

describe('a function that fails', () => {
  const failing = (times: number) => {
    let calls = 0
    return vi.fn(async () => {
      calls += 1
      if (calls <= times) throw new TypeError('Failed to fetch')
      return 'at last'
    })
  }

  it('is called again after growing delays, with one warning', async () => {
    const token = failing(8)
    const events = record(client({ token }))
    await vi.advanceTimersByTimeAsync(1_000)
    expect(token.mock.calls.length).toBeLessThan(5)
    while (FakeWebSocket.made.length === 0) await vi.advanceTimersByTimeAsync(1_000)
    const socket = await opened()
    expect(socket.sent).toMatchObject([{ type: 'join', token: 'at last' }])
    admit(socket, 'one')
    expect(new Set(events)).toEqual(new Set(['waiting token-failed', 'peer_list']))
    expect(token).toHaveBeenCalledTimes(9)
    expect(warned).toEqual([
      "Signaling: could not join the room 'bar' (token-failed): the function `token` has failed: TypeError: Failed to fetch. The client calls the function again until it returns a token.",
    ])
  })

  it('once prints nothing, because the page may just be about to be unloaded', async () => {
    client({ token: failing(1) })
    await opened(1_000)
    expect(warned).toEqual([])
  })

  it('is called again for a join on an open connection as well', async () => {
    const { signaling, socket } = await joined()
    signaling.join('pub', { token: failing(2) })
    await vi.advanceTimersByTimeAsync(1_000)
    expect(joins(socket).slice(1)).toMatchObject([{ roomId: 'pub', token: 'at last' }])
  })

  it('does not keep the client from using a new id when its own is taken', async () => {
    const signaling = client({ token: failing(6) })
    const socket = await opened(30_000)
    const { peerId } = signaling
    for (let tries = 1; tries <= 4; tries += 1) {
      refuse(socket, 'id-taken')
      await vi.advanceTimersByTimeAsync(5_000)
    }
    expect(signaling.peerId).not.toBe(peerId)
  })

  it('is not called again after close()', async () => {
    const token = failing(100)
    const signaling = client({ token })
    await vi.advanceTimersByTimeAsync(1_000)
    signaling.close()
    token.mockClear()
    await vi.advanceTimersByTimeAsync(60_000)
    expect(token).not.toHaveBeenCalled()
  })
})

describe('the list of rooms', () => {
  const lobby = (token?: string | (() => Promise<string | null>)) => {
    const signaling = new SignalingClient({ ...fakeNetwork, ...(token && { token }) })
    signaling.watchRooms()
    return signaling
  }

  it('is watched with a token, and with a new one on each connection', async () => {
    lobby(tokens())
    const socket = await opened()
    expect(socket.sent).toMatchObject([{ type: 'watch_rooms', token: '1' }])
    socket.drop(4401)
    expect((await opened(FIRST_RETRY_MS)).sent).toMatchObject([{ type: 'watch_rooms', token: '2' }])
  })

  it('needs no token when it is no longer watched', async () => {
    const token = tokens()
    const signaling = lobby(token)
    const socket = await opened()
    signaling.unwatchRooms()
    socket.drop(1006)
    expect((await opened(FIRST_RETRY_MS)).sent).toEqual([])
    expect(token).toHaveBeenCalledTimes(1)
  })

  it('is watched with the token of the join if there is one', async () => {
    const token = tokens()
    const signaling = client({ token })
    signaling.watchRooms()
    const socket = await opened()
    admit(socket, 'one')
    expect(socket.sent).toMatchObject([{ type: 'join', token: '1' }, { type: 'watch_rooms' }])
    expect(token).toHaveBeenCalledTimes(1)
    refuse(socket, 'unauthorised')
    await settled()
    expect(socket.sent.at(-1)).toMatchObject({ type: 'watch_rooms', token: '2' })
  })

  it('is watched with the token of the join, and not with its own old one, after a reconnect', async () => {
    const signaling = lobby(tokens())
    const socket = await opened()
    signaling.join('bar')
    await settled()
    admit(socket, 'one')
    socket.drop(4401, 'token expired')
    const next = await opened(FIRST_RETRY_MS)
    admit(next, 'two')
    await settled()
    expect(next.sent).toMatchObject([{ type: 'join', token: '3' }, { type: 'watch_rooms' }])
    expect(next.sent[1]?.token).toBeUndefined()
  })

  it.each([
    ['comes from a function', tokens, 2],
    ['is a string', () => 'wrong', 1],
    ['is missing', () => undefined, 2],
  ])('is given up after refusals if the token %s', async (_, token, times) => {
    const signaling = lobby(token())
    const events = record(signaling)
    const socket = await opened()
    for (let count = 1; count <= 3; count += 1) {
      refuse(socket, 'unauthorised')
      await settled()
    }
    expect(socket.sent.length).toBeLessThanOrEqual(times)
    expect(events[0]).toBe('refused unauthorised')
    expect(warned).toEqual([expect.stringContaining('could not watch the list of rooms')])
    socket.drop(4401)
    expect(signaling.state).toBe('idle')
  })

  it('is watched as soon as a function that has failed returns a token, with one warning', async () => {
    let calls = 0
    lobby(async () => {
      calls += 1
      if (calls <= 3) throw new Error('the login server is down')
      return 'at last'
    })
    const socket = await opened(10_000)
    expect(socket.sent).toMatchObject([{ type: 'watch_rooms', token: 'at last' }])
    expect(warned).toEqual([expect.stringContaining('has failed: Error: the login server is down')])
  })

  it('is watched only after the answer to a join, because an earlier frame would mean that it arrived', async () => {
    const { signaling, socket } = await joined()
    signaling.watchRooms()
    expect(socket.sent.at(-1)).toMatchObject({ type: 'watch_rooms' })
    socket.drop(1006)
    const next = await opened(FIRST_RETRY_MS)
    signaling.unwatchRooms()
    signaling.watchRooms()
    expect(next.sent).toMatchObject([{ type: 'join', resume: { token: 'one' } }])
    next.deliver({ ...joins(next)[0], type: 'resumed', ca: 0, resume: ticket('two') })
    expect(next.sent.slice(1)).toMatchObject([{ type: 'watch_rooms' }])
  })

  it.each(['id-taken', 'room-full'])(
    'is watched while a room cannot be joined: %s',
    async (code) => {
      client({ peerId: 'ann' }).watchRooms()
      const socket = await opened()
      refuse(socket, code)
      expect(socket.sent).toMatchObject([{ type: 'join' }, { type: 'watch_rooms' }])
    },
  )

  it('is watched when the client leaves the room before it has joined it', async () => {
    const signaling = client()
    const socket = await opened()
    signaling.watchRooms()
    signaling.leave()
    expect(socket.sent).toMatchObject([
      { type: 'join' },
      { type: 'leave' },
      { type: 'watch_rooms' },
    ])
  })

  it('is watched on an open connection, too, as soon as a function that has failed returns a token', async () => {
    let calls = 0
    const { signaling, socket, events } = await joined({
      token: async () => {
        calls += 1
        if (calls === 2) throw new Error('the login server is restarted')
        return `${calls}`
      },
    })
    signaling.leave()
    signaling.watchRooms()
    await vi.advanceTimersByTimeAsync(10_000)
    expect(socket.sent.slice(2)).toMatchObject([{ type: 'watch_rooms', token: '3' }])
    expect(events).toEqual(['left left'])
  })

  it('is asked for again after a while if too many frames were sent', async () => {
    const signaling = lobby()
    const events = record(signaling)
    const socket = await opened()
    refuse(socket, 'too-fast')
    expect(socket.sent).toHaveLength(1)
    await vi.advanceTimersByTimeAsync(10_000)
    expect(socket.sent).toMatchObject([{ type: 'watch_rooms' }, { type: 'watch_rooms' }])
    refuse(socket, 'too-fast')
    signaling.unwatchRooms()
    await vi.advanceTimersByTimeAsync(10_000)
    expect(socket.sent.at(-1)).toEqual({ type: 'unwatch_rooms' })
    expect(events).toEqual([])
  })

  it('is not watched without a token when the app has none', async () => {
    const events = record(lobby(async () => null))
    await vi.advanceTimersByTimeAsync(60_000)
    expect(events).toEqual(['refused no-token'])
    expect(warned).toEqual([expect.stringContaining('Call watchRooms() again')])
    expect(FakeWebSocket.made).toEqual([])
  })
})
