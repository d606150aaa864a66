import { afterEach, beforeEach, vi } from 'vitest'
import { FakeWebSocket } from './fake-web-socket.ts'

/**
 * Gives each test of the calling file a fake clock and random numbers that are 0, and forgets
 * earlier fake WebSockets. After each test, everything that was replaced is restored.
 */
export function useFakeClock(): void {
  beforeEach(() => {
    FakeWebSocket.made = []
    vi.useFakeTimers()
    vi.spyOn(Math, 'random').mockReturnValue(0)
  })

  afterEach(() => {
    vi.useRealTimers()
    vi.restoreAllMocks()
    vi.unstubAllGlobals()
  })
}
