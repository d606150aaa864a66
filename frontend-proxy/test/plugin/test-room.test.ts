import { expect, test } from 'vitest'
import type { Admin } from '../../src/testing/admin.ts'
import { TestRoom } from '../../src/testing/test-room.ts'

/** The admin API of a sidecar without rooms. */
const EMPTY = { ask: async () => ({ rooms: [], verdicts: [], rejections: [] }) }
const room = new TestRoom('bar', 'rooms', EMPTY as unknown as Admin, () => '')

test('a test can wait until nobody is in a room any more', async () => {
  expect(await room.untilConnected({ peers: 0 })).toEqual([])
})

test.each([-1, 1.5, Number.NaN])('%j is no number of peers', async (peers) => {
  await expect(room.untilConnected({ peers })).rejects.toThrow(
    `peers must be a whole number, not ${peers}`,
  )
})

test('a test that does not say how many peers it expects is told so', async () => {
  await expect(room.untilConnected(undefined as never)).rejects.toThrow(
    'untilConnected: peers must be a whole number, not undefined',
  )
})
