import type { Peer } from './frames.ts'
import type { SignalingClient } from './signaling-client.ts'

/** How many peers are remembered. In a public room, any number of peers can get lost while a page is open. */
const MAX_LOST = 256

/** For each client, its lost peers. A later mesh of the same client needs them, too. */
const lostPeers = new WeakMap<SignalingClient, LostPeers>()

/**
 * Remembers the peers whose links were closed by this side, although the peers may not have noticed
 * that (see rule 5 in mesh-members.ts).
 */
export class LostPeers {
  /** The instances of the peers by their ids. */
  readonly #instances = new Map<string, string | undefined>()

  static of(client: SignalingClient): LostPeers {
    const known = lostPeers.get(client) ?? new LostPeers()
    lostPeers.set(client, known)
    return known
  }

  add({ peerId, instance }: Peer): void {
    this.#instances.set(peerId, instance)
    const [oldest] = this.#instances.keys()
    if (this.#instances.size > MAX_LOST && oldest !== undefined) this.#instances.delete(oldest)
  }

  /** Forgets a peer. Returns whether it was lost, and has not reloaded its page since then. */
  take({ peerId, instance }: Peer): boolean {
    const isSame = instance !== undefined && this.#instances.get(peerId) === instance
    this.#instances.delete(peerId)
    return isSame
  }
}
