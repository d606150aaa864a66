import { expect, it } from 'vitest'
import type { Hint, Room } from '../../src/overlay/messages.ts'
import { summarise } from '../../src/overlay/summary.ts'

const room = (fields: Partial<Room>): Room => ({
  dialect: 'rooms',
  room: 'lobby',
  peers: 2,
  worst: 'connected',
  ...fields,
})
const ann = { room: 'lobby', peerId: 'ann' }

function summaryOf(rooms: readonly Room[], ofPage = [ann], hints: readonly Hint[] = []) {
  return summarise({ inspector: '/__signaling/', rooms, hints }, ofPage)
}

it('counts the peers of the room that the page is in, and names the worst state there', () => {
  const rooms = [room({ worst: 'trying' }), room({ room: 'bar', worst: 'failed' })]
  expect(summaryOf(rooms)).toMatchObject({ text: '2 peers, trying', worst: 'trying' })
})

it('names no state where there are no two peers', () => {
  expect(summaryOf([room({ peers: 1, worst: null })])).toMatchObject({ text: '1 peer' })
})

it('adds up the rooms of a page that is in several, the worst first', () => {
  const bar = { room: 'bar', peerId: 'ann' }
  const rooms = [room({}), room({ room: 'bar', peers: 3, worst: 'failed' })]
  const summary = summaryOf(rooms, [ann, bar])
  expect(summary.text).toBe('5 peers, failed')
  expect(summary.rooms.map(({ room }) => room)).toEqual(['bar', 'lobby'])
})

it('says that it is about all rooms if the page is in none', () => {
  const rooms = [room({}), room({ room: 'bar', worst: 'unknown' })]
  expect(summaryOf(rooms, []).text).toBe('all rooms: 4 peers, unknown')
})

it('does not take a room of another protocol with the same name for the room of the page', () => {
  expect(summaryOf([room({ dialect: 'peerjs' })]).isAboutAll).toBe(true)
})

it('says that nobody is there, also if there was a room before', () => {
  expect(summaryOf([]).text).toBe('no peers')
  expect(summaryOf([room({ peers: 0, worst: null })])).toMatchObject({
    text: 'no peers',
    rooms: [],
  })
})

it('says that the pages signal elsewhere, if their reports show that', () => {
  const hint = { code: 'signaled-elsewhere', sentence: 'Ann and Ben: connected', remedy: null }
  expect(summaryOf([], [], [hint]).text).toBe('signaled elsewhere')
})

it('sorts the states: failed, trying, unknown, connected, none', () => {
  const states = [null, 'connected', 'unknown', 'trying', 'failed'] as const
  const rooms = states.map((worst) => room({ room: String(worst), worst }))
  expect(summaryOf(rooms, []).rooms.map(({ worst }) => worst)).toEqual(states.toReversed())
})
