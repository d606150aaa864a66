/**
 * An RTCPeerConnection with only its signaling states (W3C WebRTC 1.0, 4.3.1) and without a network.
 * Its descriptions are `offer 1`, `answer 2`, …, and a test sets its `connectionState`.
 */
export class FakePeerConnection {
  static made: FakePeerConnection[] = []
  signalingState: RTCSignalingState = 'stable'
  connectionState: RTCPeerConnectionState = 'new'
  localDescription: RTCSessionDescriptionInit | null = null
  currentLocalDescription: RTCSessionDescriptionInit | null = null
  remoteDescription: RTCSessionDescriptionInit | null = null
  currentRemoteDescription: RTCSessionDescriptionInit | null = null
  onnegotiationneeded: (() => void) | null = null
  onconnectionstatechange: (() => void) | null = null
  readonly channel = {
    readyState: 'connecting',
    sent: [] as unknown[],
    send: this.#sendData(),
    onclose: null as (() => void) | null,
  }
  readonly candidates: RTCIceCandidateInit[] = []
  rollbacks = 0
  restarts = 0
  #descriptions = 0
  /** How many operations have begun and not ended. */
  #operations = 0
  #isNegotiationNeeded = false

  constructor(public configuration?: RTCConfiguration) {
    FakePeerConnection.made.push(this)
  }

  getConfiguration(): RTCConfiguration {
    return this.configuration ?? {}
  }

  setConfiguration(configuration: RTCConfiguration): void {
    this.configuration = configuration
  }

  createDataChannel(): object {
    this.#needNegotiation()
    return this.channel
  }

  restartIce(): void {
    this.restarts += 1
    this.#needNegotiation()
  }

  setLocalDescription(): Promise<void> {
    return this.#operate(() => {
      const isAnswer = this.signalingState === 'have-remote-offer'
      this.#descriptions += 1
      const type = isAnswer ? 'answer' : 'offer'
      this.localDescription = { type, sdp: this.sdp(type, this.#descriptions) }
      this.#isNegotiationNeeded = false
      this.#enter(isAnswer ? 'stable' : 'have-local-offer')
    })
  }

  setRemoteDescription(description: RTCSessionDescriptionInit): Promise<void> {
    return this.#operate(() => {
      const isPending = this.signalingState === 'have-local-offer'
      if (description.type === 'answer' && !isPending) throw new Error('InvalidStateError')
      if (description.type === 'offer' && isPending) this.#rollBack()
      this.remoteDescription = description
      this.#enter(description.type === 'offer' ? 'have-remote-offer' : 'stable')
    })
  }

  async addIceCandidate(candidate: RTCIceCandidateInit): Promise<void> {
    if (this.remoteDescription === null) throw new Error('InvalidStateError')
    if (candidate.candidate === 'unknown') throw new Error('OperationError')
    this.candidates.push(candidate)
  }

  close(): void {
    this.signalingState = 'closed'
    this.connectionState = 'closed'
  }

  /** Changes `connectionState`, and fires the event that a browser would fire. */
  become(state: RTCPeerConnectionState): void {
    this.connectionState = state
    this.channel.readyState = state === 'connected' ? 'open' : this.channel.readyState
    this.onconnectionstatechange?.()
  }

  /** Returns the SDP of this connection's description with this number. */
  protected sdp(type: 'offer' | 'answer', number: number): string {
    return `${type} ${number}`
  }

  #enter(state: 'stable' | 'have-local-offer' | 'have-remote-offer'): void {
    this.signalingState = state
    if (state !== 'stable') return
    this.currentLocalDescription = this.localDescription
    this.currentRemoteDescription = this.remoteDescription
  }

  #rollBack(): void {
    this.rollbacks += 1
    this.localDescription = this.currentLocalDescription
  }

  #needNegotiation(): void {
    this.#isNegotiationNeeded = true
    queueMicrotask(() => this.#fireNegotiationNeeded())
  }

  /** Does nothing while a negotiation is in progress: a browser waits for its end, too. */
  #fireNegotiationNeeded(): void {
    const isBusy = this.#operations > 0 || this.signalingState !== 'stable'
    if (this.#isNegotiationNeeded && !isBusy) this.onnegotiationneeded?.()
  }

  /** Runs an operation later. If the connection is closed by then, it neither succeeds nor fails. */
  async #operate(change: () => void): Promise<void> {
    this.#operations += 1
    await Promise.resolve()
    if (this.signalingState === 'closed') await new Promise<never>(() => {})
    this.#operations -= 1
    change()
    queueMicrotask(() => this.#fireNegotiationNeeded())
  }

  #sendData(): (data: unknown) => void {
    return (data) => this.channel.sent.push(data)
  }
}
