import { expect, it, vi } from 'vitest'
import { follow } from '../../src/overlay/feed.ts'

it('sends nothing while Vite is down, because its client would report an error', () => {
  const page = Object.assign(new EventTarget(), { visibilityState: 'visible' })
  vi.stubGlobal('document', page)
  const listeners = new Map<string, () => void>()
  const send = vi.fn()
  const on = (name: string, listener: () => void) => listeners.set(name, listener)
  const shown: unknown[] = []
  follow({ on, send } as unknown as Parameters<typeof follow>[0], (update) => shown.push(update))
  expect(send).toHaveBeenCalledOnce()
  listeners.get('vite:ws:disconnect')?.()
  for (const visibilityState of ['hidden', 'visible'])
    Object.assign(page, { visibilityState }).dispatchEvent(new Event('visibilitychange'))
  expect(send).toHaveBeenCalledOnce()
  expect(shown).toEqual([{ reason: 'The dev server does not answer.' }])
  listeners.get('vite:ws:connect')?.()
  expect(send).toHaveBeenLastCalledWith(expect.any(String), { isWatching: true })
})
