/** What a developer reads in the console when a client is kept out of its room, or put out of it. */

import type { LeaveReason } from './signaling-events.ts'

const ADVICE: Readonly<Record<string, string>> = {
  'id-taken':
    'Another page has this peer id, such as a second tab, and this one joins by itself when that one is gone. ' +
    'Give each tab a peerId of its own, or none: then each tab has one that survives its reloads.',
  'too-fast': 'It is tried again by itself. Does the page join, leave or send in a loop?',
  'room-full':
    'Call join() again when somebody has left, or join another room. `capacity` is what its first peer asked for.',
  barred: 'The admin has removed this peer id from the room: call join() again in a minute.',
  'too-many-rooms':
    "Join a room that is there, or raise the sidecar's setting max_rooms (--max-rooms).",
  'refused-by-hook': "The sidecar's hooks file has decided so: see its on_join.",
  'bad-field': 'Mend what the client was given, and call join() again.',
  'too-large': 'Mend what the client was given, and call join() again.',
}

const ENDS: Partial<Record<LeaveReason, string>> = {
  replaced:
    'another page has come with its peer id and taken its place. Call join() to take it back, or close one of the two.',
  removed: 'the admin has removed it. Its peer id is barred for a minute; then call join() again.',
}

/** A join was refused: for good, or again and again. */
export function adviseOnRefusal(room: string, code: string, message: string): void {
  const advice = ADVICE[code] ?? 'Call join() to try again.'
  console.warn(`Signaling: the room '${room}' is not joined (${code}): ${message}. ${advice}`)
}

/** A stay has ended that nobody on this page has ended. */
export function adviseOnEnd(room: string, why: LeaveReason): void {
  if (ENDS[why]) console.warn(`Signaling: this page is out of the room '${room}': ${ENDS[why]}`)
}

/** The page listens to a client whose place a newer one has, and listens to that one as well. */
export function adviseOnReplacedClient(room: string): void {
  console.warn(
    `Signaling: this page listens to a client that hears nothing: a newer client of the same page has its place in ` +
      `the room '${room}'. Share one client in the page, or name the place of one of them: { room, slot: 'second' }. ` +
      'In React, make it in an effect whose clean-up closes it.',
  )
}

/** A client was replaced by another one of its own page. */
export function adviseOnSecondClient(room: string): void {
  console.info(
    `Signaling: an earlier client of this page was still in the room '${room}' and has given its place to the newer ` +
      'one. Close it when it is not needed any more, or, for two peers in one page, name the place of one of them: ' +
      "{ room, slot: 'second' }.",
  )
}
