import type { Mesh, MeshEvents, SignalingClient, SignalingEvents } from '../../src/browser/index.ts'

/** Checks that the events of a page's client and meshes fit together. Reports those that do not. */
export class WatchedEvents {
  readonly #report: (wrong: string) => void
  readonly #listening = new AbortController()
  #isMeshOpen = false

  constructor(report: (wrong: string) => void) {
    this.#report = report
  }

  stop(): void {
    this.#listening.abort()
  }

  watchClient(client: SignalingClient): void {
    const peers = new Set<string>()
    let isConnected = false
    const on = <Name extends keyof SignalingEvents>(
      name: Name,
      check: (detail: SignalingEvents[Name]) => void,
    ) => {
      const listener = ({ detail }: CustomEvent<SignalingEvents[Name]>) => {
        check(detail)
        const listed = [...client.peers.keys()]
        this.#expect(isSame(listed, peers), `the client lists ${listed} after ${name}`)
      }
      client.addEventListener(name, listener, { signal: this.#listening.signal })
    }
    on('connected', () => {
      this.#expect(!isConnected, 'the client was connected twice')
      isConnected = true
    })
    on('disconnected', () => {
      this.#expect(isConnected, 'the client was disconnected twice')
      isConnected = false
    })
    on('peer_list', (list) => {
      peers.clear()
      for (const { peerId } of list.peers) this.#add(peers, peerId, 'is in a list')
    })
    on('peer_joined', ({ peerId }) => this.#add(peers, peerId, 'joined'))
    on('peer_left', ({ peerId }) => this.#delete(peers, peerId, 'left'))
    on('left', () => peers.clear())
  }

  watchMesh(mesh: Mesh): void {
    // The peers in the client's room are added before the page can listen.
    const peers = new Set(mesh.peers.map(({ peerId }) => peerId))
    const on = <Name extends keyof MeshEvents>(
      name: Name,
      check: (detail: MeshEvents[Name]) => void,
    ) => {
      const listener = ({ detail }: CustomEvent<MeshEvents[Name]>) => check(detail)
      mesh.addEventListener(name, listener, { signal: this.#listening.signal })
    }
    this.#isMeshOpen = true
    on('added', ({ peerId }) => {
      this.#expect(this.#isMeshOpen, `${peerId} was added to a closed mesh`)
      this.#add(peers, peerId, 'was added to the mesh')
    })
    on('connected', ({ peerId, state }) => {
      this.#expect(peers.has(peerId), `${peerId} was connected, but is not in the mesh`)
      this.#expect(state === 'connected', `${peerId} was connected, but is ${state}`)
    })
    on('removed', ({ peerId }) => this.#delete(peers, peerId, 'was removed from the mesh'))
    on('peers', (listed) => {
      const ids = listed.map(({ peerId }) => peerId)
      this.#expect(isSame(ids, peers), `the mesh lists ${ids}`)
    })
  }

  meshIsClosed(): void {
    this.#isMeshOpen = false
  }

  #add(peers: Set<string>, peerId: string, event: string): void {
    this.#expect(!peers.has(peerId), `${peerId} ${event}, but was there already`)
    peers.add(peerId)
  }

  #delete(peers: Set<string>, peerId: string, event: string): void {
    this.#expect(peers.delete(peerId), `${peerId} ${event}, but was not there`)
  }

  #expect(isRight: boolean, wrong: string): void {
    if (!isRight) this.#report(wrong)
  }
}

function isSame(listed: readonly string[], expected: ReadonlySet<string>): boolean {
  return listed.length === expected.size && listed.every((peerId) => expected.has(peerId))
}
