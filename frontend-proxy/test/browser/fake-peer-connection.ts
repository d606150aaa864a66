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
  onnegotiationneeded: (() => void) | null = null
  onconnectionstatechange: (() => void) | null = null
  readonly channel = { readyState: 'connecting', sent: [] as unknown[], send: this.#sendData() }
  readonly candidates: RTCIceCandidateInit[] = []
  rollbacks = 0
  restarts = 0
  #descriptions = 0

  constructor() {
    FakePeerConnection.made.push(this)
  }

  createDataChannel(): object {
    queueMicrotask(() => this.onnegotiationneeded?.())
    return this.channel
  }

  restartIce(): void {
    this.restarts += 1
    queueMicrotask(() => this.onnegotiationneeded?.())
  }

  async setLocalDescription(): Promise<void> {
    await Promise.resolve()
    const isAnswer = this.signalingState === 'have-remote-offer'
    this.#descriptions += 1
    const type = isAnswer ? 'answer' : 'offer'
    this.localDescription = { type, sdp: `${type} ${this.#descriptions}` }
    if (isAnswer) this.currentLocalDescription = this.localDescription
    this.signalingState = isAnswer ? 'stable' : 'have-local-offer'
  }

  async setRemoteDescription(description: RTCSessionDescriptionInit): Promise<void> {
    await Promise.resolve()
    const isPending = this.signalingState === 'have-local-offer'
    if (description.type === 'answer' && !isPending) throw new Error('InvalidStateError')
    if (description.type === 'offer' && isPending) this.rollbacks += 1
    if (description.type === 'answer') this.currentLocalDescription = this.localDescription
    this.remoteDescription = description
    this.signalingState = description.type === 'offer' ? 'have-remote-offer' : 'stable'
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

  #sendData(): (data: unknown) => void {
    return (data) => this.channel.sent.push(data)
  }
}
