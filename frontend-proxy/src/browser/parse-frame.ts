/**
 * Parses the frames of the sidecar's `rooms` protocol.
 *
 * The frames contain text from other peers, and a newer sidecar may use other fields, so nothing in
 * them is trusted. A frame whose fields do not have the expected types is ignored. An invalid item
 * of a list is left out. No function in this module throws.
 */

import {
  type Peer,
  RELAY_KINDS,
  type RelayedFrame,
  type RelayKind,
  type Room,
  type ServerFrame,
} from './frames.ts'
import { unwrap } from './payload.ts'
import type { Ticket } from './resumption.ts'
import { each, type Fields, number, object, parseObject, text } from './untrusted-json.ts'

/**
 * Parses the data of a WebSocket message. Returns `undefined` for data that is not a JSON object.
 * For a frame that is invalid or of an unknown type, returns an `ack` if the frame has the number
 * `s`, and otherwise `undefined`.
 */
export function parseFrame(data: unknown): ServerFrame | undefined {
  const fields = parseObject(data)
  if (fields === undefined) return undefined
  const { s, ca } = { s: number(fields.s), ca: number(fields.ca) }
  // A newer sidecar may send a numbered frame of an unknown type. The frame is parsed as an `ack`,
  // so that its number is counted.
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
    const message = text(fields.text)
    return message === undefined ? undefined : { type: 'notice', text: message }
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
