import { expect, it, vi } from 'vitest'
import { follow } from '../../src/overlay/feed.ts'
import { UPDATE, WATCH } from '../../src/overlay/messages.ts'

/**
 * Opens a page that receives updates. `send` and `listeners` replace the WebSocket of Vite's
 * client.
 */
function openPage(visibilityState: string) {
  const page = Object.assign(new EventTarget(), { visibilityState })
  vi.stubGlobal('document', page)
  const listeners = new Map<string, (detail?: unknown) => void>()
  const send = vi.fn()
  const on = (name: string, listener: () => void) => listeners.set(name, listener)
  const shown: unknown[] = []
  follow({ on, send } as unknown as Parameters<typeof follow>[0], (update) => shown.push(update))
  const become = (visibilityState: string) =>
    Object.assign(page, { visibilityState }).dispatchEvent(new Event('visibilitychange'))
  return { send, listeners, shown, become }
}

it('sends nothing while Vite is down, because its client would report an error', () => {
  const { send, listeners, shown, become } = openPage('visible')
  expect(send).toHaveBeenCalledOnce()
  listeners.get('vite:ws:disconnect')?.()
  for (const visibilityState of ['hidden', 'visible']) become(visibilityState)
  expect(send).toHaveBeenCalledOnce()
  expect(shown).toEqual([{ reason: 'The dev server does not answer.' }])
  listeners.get('vite:ws:connect')?.()
  expect(send).toHaveBeenLastCalledWith(expect.any(String), { isWatching: true })
})

it('asks once if Vite has never answered, and says later that the page is hidden', () => {
  const { send, listeners, become } = openPage('hidden')
  expect(send).not.toHaveBeenCalled()
  for (const state of ['visible', 'hidden', 'visible', 'hidden']) become(state)
  expect(send.mock.calls).toEqual([[WATCH, { isWatching: true }]])
  listeners.get(UPDATE)?.({ reason: 'late' })
  expect(send).toHaveBeenLastCalledWith(WATCH, { isWatching: false })
  become('visible')
  expect(send).toHaveBeenLastCalledWith(WATCH, { isWatching: true })
})
