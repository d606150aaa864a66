import { Connection, type Dismissal } from './connection.ts'
import { adviseOnEnd } from './console-advice.ts'
import { defaultUrl } from './default-url.ts'
import type { Peer, RelayKind } from './frames.ts'
import { wellFormed } from './json-text.ts'
import { observe } from './observe.ts'
import { parseFrame } from './parse-frame.ts'
import {
  plain,
  plainProfile,
  type Refusal,
  refuseProfile,
  TOO_DEEP,
  withoutMissing,
  wrap,
} from './payload.ts'
import { RoomFrames } from './room-frames.ts'
import { RoomPresence } from './room-presence.ts'
import { RoomWatch } from './room-watch.ts'
import type {
  Emit,
  JoinOptions,
  Profile,
  SignalingEvents,
  SignalingOptions,
} from './signaling-events.ts'
import { pageReport, type TraceReport } from './trace-report.ts'
import { TypedEventTarget } from './typed-events.ts'

/** With this code the sidecar closes a connection whose token is missing or no longer valid. */
const UNAUTHORISED = 4401

/**
 * Connects a page to the sidecar, joins a room, and watches the list of rooms.
 *
 * After a lost connection the client reconnects and resumes its session: it receives the frames
 * that it has missed, and sends the frames that it has kept. Until the sidecar has answered after a
 * reconnect, `peers` is unchanged. A reloaded page keeps its peer id and gets a new list of peers.
 */
export class SignalingClient extends TypedEventTarget<SignalingEvents> {
  readonly #connection: Connection
  readonly #presence: RoomPresence
  readonly #frames: RoomFrames
  readonly #watch: RoomWatch
  #profile: Profile

  /** Joins `options.room`. Without a room, call `join` or `watchRooms` later. */
  constructor(options: SignalingOptions = {}) {
    super()
    const { room, url, WebSocket, name, metadata, ...join } = withoutMissing(options)
    this.#profile = plainProfile({
      ...(name !== undefined && { name }),
      ...(metadata && { metadata }),
    })
    const urlNow = () => (url === undefined ? defaultUrl() : String(url))
    const emit: Emit = (event, detail) => this.emit(event, detail)
    this.#connection = new Connection(urlNow, this.#listener, WebSocket)
    const refused = (refusal: Refusal) => this.#refuse(refusal)
    const isAsking = () => this.#presence.membership?.asking === true
    this.#watch = new RoomWatch(this.#connection, join.token, isAsking, refused)
    this.#presence = new RoomPresence({
      connection: this.#connection,
      url: urlNow,
      profile: () => this.#profile,
      defaults: join,
      emit,
      refused,
      noToken: (reason) => this.#frames.refuseJoin(reason),
      replaced: () => this.#watch.isOn && this.watchRooms(),
    })
    this.#frames = new RoomFrames(this.#presence, this.#watch, emit)
    if (room !== undefined) this.join(room, join)
  }

  /** The room that the client has joined, or is about to join. */
  get room(): string | undefined {
    return this.#presence.membership?.room
  }

  /** The client's own peer id in its room. */
  get peerId(): string | undefined {
    return this.#presence.membership?.identity.peerId
  }

  /** A random id for each page load and each `join`. Other peers see this id as `Peer.instance`. */
  get instance(): string | undefined {
    return this.#presence.membership?.request.instance
  }

  /** True from the sidecar's answer to the join until the connection is lost or the room is left. */
  get joined(): boolean {
    return this.#presence.membership?.joined === true
  }

  /** When the client joined (ms since the epoch, by the sidecar's clock). */
  get joinedAt(): number | undefined {
    return this.#presence.state.joinedAt
  }

  /** The state of the connection to the sidecar. */
  get state(): 'idle' | 'connecting' | 'connected' {
    if (this.#connection.isOpen) return 'connected'
    return this.#connection.isWanted ? 'connecting' : 'idle'
  }

  /** Maps the id of each other peer in the room to the peer. */
  get peers(): ReadonlyMap<string, Peer> {
    return this.#presence.state.peers
  }

  /** The STUN and TURN servers that the sidecar is configured with. */
  get iceServers(): RTCIceServer[] {
    return this.#presence.state.iceServers
  }

  /**
   * Joins a room and leaves the current one. Without arguments it joins the last room again. Does
   * nothing if the client is in this room already and no option has a new value. An option that is
   * left out has the value that was passed to the constructor. Without `options`, the options of
   * the last `join` are used again.
   */
  join(room?: string, options?: JoinOptions): void {
    this.#presence.join(room, options)
  }

  /** Leaves the room. The connection stays open for the list of rooms and for the next room. */
  leave(): void {
    this.#presence.leave('left')
    this.#watch.joinAnswered()
  }

  /**
   * Changes the profile that the other peers see, now or from the next join on. If the sidecar
   * would refuse the change, the client emits `refused` and changes nothing.
   */
  update(profile: Profile): void {
    const changes = plainProfile(profile)
    const refusal = refuseProfile(changes)
    if (refusal !== undefined) {
      this.#refuse(refusal)
      return
    }
    this.#profile = { ...this.#profile, ...changes }
    this.#presence.send({ type: 'update', ...changes })
  }

  /**
   * Sends a frame to one peer in the room, now or when the session is resumed.
   *
   * Returns false if the frame can be neither sent nor kept: too many frames are kept already, the
   * client has not joined yet, or the sidecar would refuse the frame (then the client emits
   * `refused`). Throws a TypeError for a payload that JSON cannot represent.
   */
  relay(to: string, type: Exclude<RelayKind, 'broadcast'>, payload: object = {}): boolean {
    return this.#sendPayload(payload, { type, to: wellFormed(to, 'to') })
  }

  /** Sends a frame to all other peers in the room. In all other respects, works like `relay`. */
  broadcast(payload: object = {}): boolean {
    return this.#sendPayload(payload, { type: 'broadcast' })
  }

  /**
   * Records the events of an RTCPeerConnection in the sidecar's event log. `peerId` is the peer at
   * the other end. A `Mesh` calls this for its own RTCPeerConnections.
   */
  observe(pc: RTCPeerConnection, peerId?: string): void {
    observe(pc, (report) => this.#trace(report), peerId)
  }

  /** Records a description of this page in the event log. A `Mesh` calls this after each join. */
  tracePage(): void {
    this.#trace(pageReport())
  }

  /** Starts the `rooms` events. The client need not be in a room. */
  watchRooms(): void {
    this.#watch.start(this.room !== undefined)
  }

  unwatchRooms(): void {
    this.#watch.unwatch()
  }

  /** Leaves the room and closes the connection. `join` and `watchRooms` may be called again. */
  close(): void {
    this.#watch.stop()
    this.#presence.close()
  }

  /**
   * Has the same effect as adding a listener to the client: a client that was replaced may take its
   * slot back. A `Mesh` calls this when the page adds a listener to the mesh.
   */
  claim(): void {
    this.#presence.listenedTo()
  }

  protected override listenedTo(): void {
    this.claim()
  }

  readonly #listener = {
    prepare: async (): Promise<boolean> => {
      const { membership } = this.#presence
      const isPrepared = await (membership?.request.prepare() ?? this.#watch.prepare())
      // A listener of `refused`, which is emitted if there is no token, may have called `join`.
      return isPrepared || this.room !== undefined || this.#watch.isOn
    },
    opened: (): void => {
      this.#presence.opened()
      this.#watch.opened(this.room !== undefined)
      this.emit('connected', undefined)
    },
    received: (data: unknown): void => {
      const frame = parseFrame(data)
      if (frame !== undefined) this.#frames.receive(frame)
    },
    lost: (code: number, reason: string, dismissal: Dismissal | undefined): void => {
      const refusal = this.#presence.membership?.disconnected(code)
      const room = this.room
      // A token is sent only in a join or a `watch_rooms`. This client has neither to send, so the
      // sidecar would close the next connection, too.
      if (code === UNAUTHORISED && room === undefined && !this.#watch.isOn) {
        this.#connection.release()
      }
      // The membership ends before the event, because a listener may join a room.
      if (dismissal !== undefined) {
        if (room !== undefined) adviseOnEnd(room, dismissal, reason)
        this.#presence.end(dismissal)
        if (this.#watch.isOn) this.watchRooms()
      } else if (room !== undefined && refusal !== undefined) {
        this.#frames.joinRefused(room, refusal)
      }
      this.emit('disconnected', { code, reason, final: !this.#connection.isWanted })
    },
    retrying: (attempt: number): void => this.emit('reconnecting', { attempt }),
  }

  #trace(report: TraceReport): void {
    // Statistics are dropped until the client has joined: later statistics contain newer totals.
    if (report.event !== 'stats' || this.joined) this.#presence.send({ type: 'trace', ...report })
  }

  #sendPayload(payload: object, envelope: object): boolean {
    const fields = plain(payload)
    if (fields === undefined) return this.#refuse(TOO_DEEP)
    return this.#presence.send({ ...wrap(fields), ...envelope })
  }

  #refuse(refusal: Refusal): false {
    this.emit('refused', { ...refusal, room: undefined })
    return false
  }
}
