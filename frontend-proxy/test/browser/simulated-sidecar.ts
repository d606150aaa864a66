/**
 * A model of the sidecar's dialect `rooms` (PROTOCOLS.md), without limits, tokens of users and
 * lists of rooms.
 */

import {
  type ClientConnection,
  type ClientFrame,
  GRACE_MS,
  Session,
  type SidecarFrame,
} from './simulated-session.ts'

const AWAY_NOTICE_MS = 1_000

export class SimulatedSidecar {
  isUp = true
  /** The code with which the next join is refused. */
  refusesNextJoinWith: string | undefined
  #sessions: Session[] = []
  readonly #connected = new Map<ClientConnection, Session>()
  #count = 0

  receive(connection: ClientConnection, frame: ClientFrame): void {
    const session = this.#connected.get(connection)
    if (frame.type === 'ping') connection.post({ type: 'pong' })
    else if (frame.type === 'join') this.#join(connection, session, frame)
    else if (session === undefined) {
      connection.post({ type: 'error', code: 'not-joined', message: 'it is in no room' })
    } else this.#handle(session, frame)
  }

  /** Handles the end of a connection that was not announced by a `leave`. */
  ended(connection: ClientConnection, graceMs = GRACE_MS): void {
    const session = this.#connected.get(connection)
    if (session === undefined) return
    this.#connected.delete(connection)
    session.connection = undefined
    session.noticeTimer = setTimeout(() => this.#announceAway(session), AWAY_NOTICE_MS)
    session.graceTimer = setTimeout(() => this.#remove(session, 'lost'), graceMs)
  }

  stop(): void {
    this.isUp = false
    for (const connection of [...this.#connected.keys()]) {
      connection.end(1012, '')
      this.ended(connection)
    }
  }

  start(): void {
    this.isUp = true
  }

  /** Loses all sessions, as a sidecar whose event log was deleted while it was stopped. */
  forgetSessions(): void {
    for (const session of this.#sessions) session.stopTimers()
    this.#sessions = []
  }

  /** Forgets the last frames of all clients, as a sidecar that is killed while its disk is full. */
  forgetLastFrames(count: number): void {
    for (const session of this.#sessions) session.handled = Math.max(0, session.handled - count)
  }

  /** Loses the frames that the client of this connection has not acknowledged. */
  loseFrames(connection: ClientConnection): void {
    const session = this.#connected.get(connection)
    if (session !== undefined) session.kept = []
  }

  /** Closes a room, as the admin does. */
  closeRoom(room: string): void {
    for (const session of this.#sessions.filter((one) => one.room === room)) {
      const { connection } = session
      this.#remove(session, 'room-closed')
      connection?.end(4003, 'room closed')
    }
  }

  #join(connection: ClientConnection, current: Session | undefined, frame: ClientFrame): void {
    const { id: ref, roomId: room = '', peerId = '', resume } = frame
    const refuse = (code: string) => connection.post({ type: 'error', code, message: code, ref })
    if (this.refusesNextJoinWith !== undefined) {
      refuse(this.refusesNextJoinWith)
      this.refusesNextJoinWith = undefined
      return
    }
    if (current?.room === room && current.peerId === peerId) {
      this.#sendList(current)
      return
    }
    if (current !== undefined) this.#remove(current, 'moved')
    const known = this.#sessions.find((one) => one.room === room && one.peerId === peerId)
    const token = typeof resume === 'object' ? resume.token : undefined
    if (token !== undefined && !known?.tokens.includes(token)) {
      connection.post({ type: 'not_resumed', why: 'token' })
      this.#begin(connection, `given-${this.#next()}`, frame)
    } else if (known === undefined) this.#begin(connection, peerId, frame)
    else if (token !== undefined) this.#continue(known, connection, frame)
    else if (known.knowsToken || known.instance !== frame.instance) refuse('id-taken')
    else this.#continue(known, connection, frame)
  }

  #begin(connection: ClientConnection, peerId: string, frame: ClientFrame): void {
    const session = new Session(frame.roomId ?? '', peerId, this.#next())
    session.connection = connection
    session.name = frame.name
    session.instance = frame.instance
    this.#connected.set(connection, session)
    this.#sessions.push(session)
    this.#sendList(session)
    this.#tellOthers(session, { type: 'peer_joined', ...session.description })
  }

  #continue(session: Session, connection: ClientConnection, frame: ClientFrame): void {
    const { token = undefined, after = undefined } =
      typeof frame.resume === 'object' ? frame.resume : {}
    const replaced = session.connection
    if (replaced !== undefined) {
      this.#connected.delete(replaced)
      replaced.end(4001, 'replaced')
    }
    session.stopTimers()
    session.connection = connection
    this.#connected.set(connection, session)
    const changes = session.update(frame)
    session.tokens = token === undefined ? session.tokens : [token]
    if (after === undefined || !session.hasKeptAllAfter(after)) {
      if (after !== undefined) connection.post({ type: 'not_resumed', why: 'gap' })
      this.#sendList(session)
    } else this.#resume(session, connection, after)
    this.#announceReturn(session, changes)
  }

  #resume(session: Session, connection: ClientConnection, after: number): void {
    const { room: roomId, peerId, handled: ca } = session
    connection.post({ type: 'resumed', roomId, peerId, ca, resume: this.#ticket(session) })
    session.acknowledge(after)
    for (const frame of session.kept) connection.post(frame)
  }

  #sendList(session: Session): void {
    const { room: roomId, peerId, joinedAt, sent: s, handled: ca } = session
    const others = this.#othersOf(session)
    for (const other of others) if (other.connection === undefined) other.toldAway.add(session)
    const peers = others.map((one) => ({ ...one.description, away: one.connection === undefined }))
    session.kept = []
    const resume = this.#ticket(session)
    session.connection?.post({ type: 'peer_list', roomId, peerId, joinedAt, peers, s, ca, resume })
  }

  #ticket(session: Session): object {
    const token = `token-${this.#next()}`
    session.tokens = [token, ...session.tokens.slice(-1)]
    return { token, graceMs: GRACE_MS, durable: true }
  }

  #handle(session: Session, frame: ClientFrame): void {
    session.knowsToken = true
    session.tokens = session.tokens.slice(0, 1)
    if (frame.a !== undefined) session.acknowledge(frame.a)
    if (frame.type === 'leave') this.#remove(session, 'left')
    else if (frame.c === undefined || session.counts(frame.c)) this.#relay(session, frame)
  }

  #relay(session: Session, { c: _c, a: _a, ...frame }: ClientFrame): void {
    if (frame.type === 'update') {
      session.name = frame.name ?? session.name
      const changes = { peerId: session.peerId, name: session.name }
      this.#tellOthers(session, { type: 'peer_updated', ...changes })
    } else if (frame.to !== undefined) {
      const receiver = this.#othersOf(session).find(({ peerId }) => peerId === frame.to)
      if (receiver !== undefined) receiver.tell({ ...frame, from: session.peerId })
      else session.tell({ type: 'error', code: 'no-such-peer', message: `no ${frame.to}` })
    }
  }

  #announceAway(session: Session): void {
    for (const other of this.#othersOf(session)) {
      if (session.toldAway.has(other)) continue
      session.toldAway.add(other)
      other.tell({ type: 'peer_updated', peerId: session.peerId, away: true })
    }
  }

  #announceReturn(session: Session, changes: object): void {
    const { peerId, toldAway } = session
    session.toldAway = new Set()
    for (const other of this.#othersOf(session)) {
      const all = toldAway.has(other) ? { away: false, ...changes } : changes
      if (Object.keys(all).length > 0) other.tell({ type: 'peer_updated', peerId, ...all })
    }
  }

  #remove(session: Session, reason: string): void {
    session.stopTimers()
    if (session.connection !== undefined) this.#connected.delete(session.connection)
    this.#sessions = this.#sessions.filter((one) => one !== session)
    this.#tellOthers(session, { type: 'peer_left', peerId: session.peerId, reason })
  }

  #tellOthers(session: Session, frame: SidecarFrame): void {
    for (const other of this.#othersOf(session)) other.tell(frame)
  }

  #othersOf(session: Session): Session[] {
    return this.#sessions.filter((one) => one !== session && one.room === session.room)
  }

  /** Returns 1, then 2, and so on. The numbers serve as times, so no two peers join together. */
  #next(): number {
    this.#count += 1
    return this.#count
  }
}
