/**
 * The `rooms` dialect as it comes over the wire, parsed into types or ignored.
 *
 * Whatever arrives was written by somebody else: the sidecar, a newer one, or another peer through
 * it. Nothing here throws, and nothing is cast: a frame that does not fit is `undefined`, an entry
 * of a list that does not fit is left out.
 */

import { unwrap } from './payload.ts'
import type { Ticket } from './resumption.ts'

/** Another participant, as the sidecar describes it. */
export interface Peer {
  readonly peerId: string
  /** When it joined, ms since the epoch, by the sidecar's clock. */
  readonly joinedAt: number | undefined
  readonly name: string | undefined
  readonly metadata: Readonly<Record<string, unknown>> | undefined
  /** Another one than before: its page was loaded anew, and its RTCPeerConnections are gone. */
  readonly instance: string | undefined
  /** It has its place in the room, but no connection to the sidecar. */
  readonly away: boolean
}

/** A listed room, as those outside see it. */
export interface Room {
  readonly roomId: string
  readonly name: string | undefined
  readonly peers: number
  readonly capacity: number | undefined
  /** ms since the epoch. */
  readonly createdAt: number | undefined
}

export const RELAY_KINDS = ['offer', 'answer', 'candidate', 'signal', 'broadcast'] as const

/** What one peer sends to another, or (`broadcast`) to all others, through the sidecar. */
export type RelayKind = (typeof RELAY_KINDS)[number]

/** On any frame to a resumable session. */
interface Numbers {
  /** The frame's own number. */
  readonly s?: number
  /** The last of one's own numbers that was handled. */
  readonly ca?: number
}

export interface PeerListFrame extends Numbers {
  readonly type: 'peer_list'
  readonly roomId: string | undefined
  /** One's own id. */
  readonly peerId: string | undefined
  /** When oneself joined. */
  readonly joinedAt: number | undefined
  /** The others, in order of joining. */
  readonly peers: readonly Peer[]
  readonly iceServers: RTCIceServer[] | undefined
  /** The largest frame that the sidecar reads, if it says so. */
  readonly maxFrameBytes: number | undefined
  /** The session can be resumed with this. */
  readonly resume: Ticket | undefined
}

/** The session goes on: what was missed follows. */
export interface ResumedFrame extends Numbers {
  readonly type: 'resumed'
  readonly roomId: string
  readonly peerId: string
  readonly resume: Ticket
}

/** It does not; a `peer_list` follows: of a new session (`token`), or of the same one (`gap`). */
export interface NotResumedFrame extends Numbers {
  readonly type: 'not_resumed'
  readonly why: string
}

/** Nothing but its numbers. */
export interface AckFrame extends Numbers {
  readonly type: 'ack'
}

/** Whether the session outlives the sidecar's process is not any more what was said before. */
export interface DurableFrame extends Numbers {
  readonly type: 'durable'
  readonly durable: boolean
}

/** The answer to a `ping`. */
export interface PongFrame extends Numbers {
  readonly type: 'pong'
}

export interface PeerJoinedFrame extends Numbers {
  readonly type: 'peer_joined'
  readonly peer: Peer
}

export interface PeerLeftFrame extends Numbers {
  readonly type: 'peer_left'
  readonly peerId: string
  /** `left moved closed lost kicked room-closed`, or a newer word. */
  readonly reason: string | undefined
}

export interface PeerUpdatedFrame extends Numbers {
  readonly type: 'peer_updated'
  readonly peerId: string
  /** What changed, and only that. */
  readonly changes: Partial<Omit<Peer, 'peerId'>>
}

/** What the admin has to say to everybody in the room. */
export interface NoticeFrame extends Numbers {
  readonly type: 'notice'
  readonly text: string
}

export interface RoomsFrame extends Numbers {
  readonly type: 'rooms'
  readonly rooms: readonly Room[]
}

export interface RelayedFrame extends Numbers {
  readonly type: RelayKind
  /** Stamped by the sidecar. */
  readonly from: string
  /** The other fields, as the sender wrote them. */
  readonly payload: Readonly<Record<string, unknown>>
}

export interface ErrorFrame extends Numbers {
  readonly type: 'error'
  /** Stable; see the list in the protocol. */
  readonly code: string
  /** For people. */
  readonly message: string
  /** The `id` field of the refused frame. */
  readonly ref: unknown
}

export type ServerFrame =
  | PeerListFrame
  | ResumedFrame
  | NotResumedFrame
  | AckFrame
  | DurableFrame
  | PongFrame
  | PeerJoinedFrame
  | PeerLeftFrame
  | PeerUpdatedFrame
  | NoticeFrame
  | RoomsFrame
  | RelayedFrame
  | ErrorFrame

type Fields = Readonly<Record<string, unknown>>

/** Reads what the WebSocket delivered; `undefined` for everything that is not a known frame. */
export function parseFrame(data: unknown): ServerFrame | undefined {
  const fields = parseObject(data)
  if (fields === undefined) return undefined
  const { s, ca } = { s: number(fields.s), ca: number(fields.ca) }
  // One of a later release has its place in the order all the same.
  const frame = parseFields(fields) ?? (s === undefined ? undefined : { type: 'ack' as const })
  return frame && { ...frame, ...(s !== undefined && { s }), ...(ca !== undefined && { ca }) }
}

function parseFields(fields: Fields): ServerFrame | undefined {
  const kind = RELAY_KINDS.find((known) => known === fields.type)
  if (kind !== undefined) return relayed(kind, fields)
  const type = text(fields.type)
  return type !== undefined && Object.hasOwn(PARSERS, type) ? PARSERS[type]?.(fields) : undefined
}

const PARSERS: Readonly<Record<string, (fields: Fields) => ServerFrame | undefined>> = {
  peer_list: (fields) => {
    if (!Array.isArray(fields.peers)) return undefined
    return {
      type: 'peer_list',
      roomId: text(fields.roomId),
      peerId: text(fields.peerId),
      joinedAt: number(fields.joinedAt),
      peers: each(fields.peers, peer),
      iceServers: Array.isArray(fields.iceServers) ? each(fields.iceServers, iceServer) : undefined,
      maxFrameBytes: number(object(fields.limits)?.frameBytes),
      resume: ticket(fields.resume),
    }
  },
  resumed: (fields) => {
    const [roomId, peerId, resume] = [
      text(fields.roomId),
      text(fields.peerId),
      ticket(fields.resume),
    ]
    if (roomId === undefined || peerId === undefined || resume === undefined) return undefined
    return { type: 'resumed', roomId, peerId, resume }
  },
  not_resumed: (fields) => {
    const why = text(fields.why)
    return why === undefined ? undefined : { type: 'not_resumed', why }
  },
  ack: () => ({ type: 'ack' }),
  durable: (fields) => ({ type: 'durable', durable: fields.durable === true }),
  pong: () => ({ type: 'pong' }),
  peer_joined: (fields) => {
    const joined = peer(fields)
    return joined && { type: 'peer_joined', peer: joined }
  },
  peer_left: (fields) => {
    const peerId = text(fields.peerId)
    if (peerId === undefined) return undefined
    return { type: 'peer_left', peerId, reason: text(fields.reason) }
  },
  peer_updated: (fields) => {
    const peerId = text(fields.peerId)
    return peerId === undefined
      ? undefined
      : { type: 'peer_updated', peerId, changes: changes(fields) }
  },
  notice: (fields) => {
    const said = text(fields.text)
    return said === undefined ? undefined : { type: 'notice', text: said }
  },
  rooms: (fields) =>
    Array.isArray(fields.rooms) ? { type: 'rooms', rooms: each(fields.rooms, room) } : undefined,
  error: (fields) => {
    const code = text(fields.code)
    if (code === undefined) return undefined
    return { type: 'error', code, message: text(fields.message) ?? code, ref: fields.ref }
  },
}

function relayed(type: RelayKind, fields: Fields): RelayedFrame | undefined {
  const { type: _type, from, to: _to, s: _s, ca: _ca, ...payload } = fields
  return typeof from === 'string' ? { type, from, payload: unwrap(payload) } : undefined
}

function ticket(value: unknown): Ticket | undefined {
  const fields = object(value)
  const token = text(fields?.token)
  if (token === undefined) return undefined
  return { token, graceMs: number(fields?.graceMs), durable: fields?.durable === true }
}

function peer(value: unknown): Peer | undefined {
  const fields = object(value)
  const peerId = text(fields?.peerId)
  if (fields === undefined || peerId === undefined) return undefined
  return {
    peerId,
    joinedAt: number(fields.joinedAt),
    name: text(fields.name),
    metadata: object(fields.metadata),
    instance: text(fields.instance),
    away: fields.away === true,
  }
}

function changes(fields: Fields): Partial<Omit<Peer, 'peerId'>> {
  const { name, metadata, instance, away } = fields
  return {
    ...(typeof name === 'string' && { name }),
    ...(object(metadata) && { metadata: object(metadata) }),
    ...(typeof instance === 'string' && { instance }),
    ...(typeof away === 'boolean' && { away }),
  }
}

function room(value: unknown): Room | undefined {
  const fields = object(value)
  const roomId = text(fields?.roomId)
  const peers = number(fields?.peers)
  if (fields === undefined || roomId === undefined || peers === undefined) return undefined
  return {
    roomId,
    name: text(fields.name),
    peers,
    capacity: number(fields.capacity),
    createdAt: number(fields.createdAt),
  }
}

function iceServer(value: unknown): RTCIceServer | undefined {
  const { urls, username, credential } = object(value) ?? {}
  const known = Array.isArray(urls) ? each(urls, text) : text(urls)
  if (known === undefined) return undefined
  return {
    urls: known,
    ...(typeof username === 'string' && { username }),
    ...(typeof credential === 'string' && { credential }),
  }
}

export function parseObject(data: unknown): Fields | undefined {
  if (typeof data !== 'string') return undefined
  try {
    return object(JSON.parse(data))
  } catch {
    return undefined // not JSON: no frame of ours
  }
}

function each<Item>(
  values: readonly unknown[],
  parse: (value: unknown) => Item | undefined,
): Item[] {
  return values.map(parse).filter((item) => item !== undefined)
}

export function object(value: unknown): Fields | undefined {
  return isObject(value) ? value : undefined
}

function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

export function text(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}

export function number(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined
}
