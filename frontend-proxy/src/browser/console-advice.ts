/** Prints advice to the console when a client cannot join its room, or has to leave it. */

import { warnOnce } from './default-url.ts'
import type { LeaveReason } from './signaling-events.ts'

const ADVICE: Readonly<Record<string, string>> = {
  'id-taken':
    'Another page, for example a second tab, uses this peer id. This page joins when the other one has left. ' +
    'Give each tab a different peerId, or none: without one, each tab uses a random id that survives reloads.',
  'too-fast':
    'The client tries again by itself. Check whether the page joins, leaves or sends in a loop.',
  'room-full':
    'Call join() again when a peer has left, or join another room. The first peer in a room sets its `capacity`.',
  barred:
    "The sidecar's admin has removed this peer id from the room. Call join() again in a minute.",
  'too-many-rooms':
    "Join an existing room, or raise the sidecar's setting max_rooms (--max-rooms).",
  'refused-by-hook': "The function on_join in the sidecar's hooks file has refused the join.",
  unauthorised:
    'The option `token` of the client must be a token that the sidecar accepts for this room and this peer id. Pass a function ' +
    "that fetches a new one, because tokens expire. The sidecar's event log contains the exact reason.",
  'token-failed': 'The client calls the function again until it returns a token.',
  'no-token': 'Call join() again when there is a token, for example after the user has logged in.',
  'bad-field': 'Correct the options of the client, and call join() again.',
  'too-large': 'Correct the options of the client, and call join() again.',
}

const TRY_AGAIN = 'Call join() to try again.'

const ENDS: Partial<Record<LeaveReason, string>> = {
  replaced:
    'another page has joined with the same peer id. Call join() to join again as soon as the other page has left.',
  removed:
    "the sidecar's admin has removed it. The peer id is barred for a minute; call join() again after that.",
}

const BLOCKED =
  'In a page with https, browsers block the URLs with ws:, and Safari blocks even those of localhost: use https for the dev ' +
  'server, too (server.https in vite.config), and a URL with wss:. '

/** Prints advice after several failed attempts to connect, if no sidecar has answered yet. */
export function adviseOnNoAnswer(url: string): void {
  const mayBeBlocked = globalThis.location?.protocol === 'https:' && url.startsWith('ws:')
  warnOnce(
    `no sidecar answers at ${url}; the client keeps trying. ${mayBeBlocked ? BLOCKED : ''}Check that signaling() is one of the plugins in vite.config, ` +
      'that the terminal of the dev server shows the same address after "Signaling:", and that it shows no error. ' +
      'If this page has to connect to another address, pass it: new SignalingClient({ url }). The command "sidecar doctor" finds ' +
      'other reasons.',
  )
}

/**
 * Prints advice when the refusal of a join is final, or when a join was refused several times in a
 * row.
 */
export function adviseOnRefusal(room: string, code: string, message: string): void {
  const advice = ADVICE[code] ?? TRY_AGAIN
  console.warn(`Signaling: could not join the room '${room}' (${code}): ${message}. ${advice}`)
}

/** Prints advice when the client cannot watch the list of rooms. */
export function adviseOnRefusedWatch(code: string, message: string): void {
  const advice = (ADVICE[code] ?? TRY_AGAIN).replace('join()', 'watchRooms()')
  console.warn(`Signaling: could not watch the list of rooms (${code}): ${message}. ${advice}`)
}

const ROOM_CLOSED = "the sidecar's admin has closed the room. Call join() to create the room again."

/**
 * Prints advice when the sidecar has removed this client from its room. `reason` is the reason in
 * the sidecar's Close frame.
 */
export function adviseOnEnd(room: string, why: LeaveReason, reason: string): void {
  const text = reason === 'room closed' ? ROOM_CLOSED : ENDS[why]
  if (text !== undefined)
    console.warn(`Signaling: this page is no longer in the room '${room}': ${text}`)
}

/**
 * Prints advice when the page has two clients for the same slot of a room, and has added listeners
 * to both. The newer client has replaced the older one, whose listeners are not called any more.
 */
export function adviseOnReplacedClient(room: string): void {
  console.warn(
    `Signaling: this page listens to a client that receives nothing, because a newer client of the same page has ` +
      `replaced it in the room '${room}'. Share one client, or give one of the two its own slot: ` +
      "{ room, slot: 'second' }. In React, create the client in an effect whose clean-up function closes it.",
  )
}

/**
 * Prints advice when the page has created a second client for the same slot of a room. The second
 * client has replaced the first one, to which the page has added listeners.
 */
export function adviseOnSecondClient(room: string): void {
  console.info(
    `Signaling: a newer client of this page has replaced an earlier one that was still in the room '${room}'. ` +
      'Close a client that you no longer need. If the page should be two peers, give one of them its own slot: ' +
      "{ room, slot: 'second' }.",
  )
}
