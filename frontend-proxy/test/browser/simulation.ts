import { vi } from 'vitest'
import { FakePeerConnection } from './fake-peer-connection.ts'
import { FakeWebSocket } from './fake-web-socket.ts'
import { SeededRandom } from './seeded-random.ts'
import { PeerNetwork, SimulatedPeerConnection } from './simulated-network.ts'
import { SimulatedSidecar } from './simulated-sidecar.ts'
import { SimulatedTab } from './simulated-tab.ts'

const NAMES = ['ann', 'ben', 'cy', 'dee']
/**
 * The maximum times that a fault lasts, and that pass until the next event. Each time is random, up
 * to one of these.
 */
const TIMES_MS = [200, 2_000, 20_000, 60_000]
/** How often the network between the pages changes the states of their connections. */
const NETWORK_EVERY_MS = 100

const setImmediateOfNode = setImmediate

/** Changes something in the simulation. `tab` is the tab that is named in the log. */
type Event = (tab: SimulatedTab, simulation: Simulation) => void

const EVENTS: Readonly<Record<string, Event>> = {
  'loses its connection to the sidecar': (tab) => tab.loseConnection(),
  'loses its connection, and nobody notices that at once': (tab, { random }) =>
    tab.loseConnectionSilently(random.below(20_000)),
  'loses its connection, and the sidecar loses frames': (tab) => tab.loseFrames(),
  'loses its connection, and then the answer to its next join': (tab) => {
    tab.losesNextAnswer = true
    tab.loseConnection()
  },
  'loses its connection, and the next join is refused for the moment': (tab, { sidecar }) => {
    sidecar.refusesNextJoinWith = 'too-fast'
    tab.loseConnection()
  },
  'loses its connection, and the next join is refused for good': (tab, { sidecar }) => {
    sidecar.refusesNextJoinWith = 'room-full'
    tab.loseConnection()
  },
  'is offline for a while': (tab, simulation) => {
    tab.goOffline(simulation.random.below(20_000))
    simulation.later(tab, () => tab.goOnline())
  },
  'is asleep for a while': (tab, simulation) => {
    tab.sleep(simulation.random.below(20_000))
    simulation.later(tab, () => tab.wakeUp())
  },
  'can reach no other page for a while': (tab, simulation) => {
    tab.losePeers()
    simulation.later(tab, () => tab.findPeers())
  },
  'is hidden for a while': (tab, simulation) => {
    tab.show('hidden')
    simulation.later(tab, () => tab.show('visible'))
  },
  'has no mesh for a while': (tab, simulation) => {
    tab.closeMesh()
    simulation.later(tab, () => tab.openMesh())
  },
  'replaces its mesh': (tab) => {
    tab.closeMesh()
    tab.openMesh()
  },
  'leaves its room for a while': (tab, simulation) => {
    tab.leave()
    simulation.later(tab, () => tab.join())
  },
  'leaves its room and joins it again': (tab) => {
    tab.leave()
    tab.join()
  },
  'moves to a room': (tab, { random }) => tab.join(random.oneOf(['bar', 'bar', 'pub'])),
  'gets another name': (tab, { random }) => tab.rename(`name ${random.below(100)}`),
  'restarts ICE': (tab) => tab.restartIce(),
  'is reloaded': (tab) => tab.reload(),
  crashes: (tab) => tab.crash(),
  'shows another page and then the same page again': (tab) => tab.goBackAndForth(),
  'is closed for good': (tab, simulation) => simulation.close(tab),
  'is joined by another tab': (_, simulation) => simulation.open(),
  'sees the admin close its room': ({ room }, { sidecar }) => sidecar.closeRoom(room),
  'sees the sidecar stop for a while': (tab, simulation) => {
    simulation.sidecar.stop()
    simulation.later(tab, () => simulation.sidecar.start())
  },
  'sees the sidecar restart without its sessions': (_, { sidecar }) => {
    sidecar.stop()
    sidecar.forgetSessions()
    sidecar.start()
  },
  'sees the sidecar restart without the last frames': (_, { sidecar, random }) => {
    sidecar.stop()
    sidecar.forgetLastFrames(1 + Math.floor(random.below(3)))
    sidecar.start()
  },
}

/** Some tabs, a sidecar and the network between them. Equal seeds mean equal simulations. */
export class Simulation {
  readonly random: SeededRandom
  readonly sidecar = new SimulatedSidecar()
  readonly network = new PeerNetwork()
  readonly tabs: SimulatedTab[] = []
  readonly closedTabs: SimulatedTab[] = []
  /** What has happened, and when. */
  readonly log: string[] = []
  /** The timers that end faults. */
  readonly #faults = new Set<ReturnType<typeof setTimeout>>()
  readonly #hasChosenIds: boolean
  readonly #startedAt: number
  readonly #networkTimer: ReturnType<typeof setInterval>

  constructor(readonly seed: number) {
    FakePeerConnection.made = []
    FakeWebSocket.made = []
    vi.stubGlobal('RTCPeerConnection', SimulatedPeerConnection)
    vi.spyOn(console, 'warn').mockImplementation(() => {})
    vi.setSystemTime('2026-01-01')
    this.random = new SeededRandom(seed)
    // The client has random numbers of its own, so that its code does not change what happens here.
    useRandom(new SeededRandom(~seed))
    this.#startedAt = Date.now()
    this.#hasChosenIds = this.random.below(2) < 1
    this.#networkTimer = setInterval(() => this.network.update(), NETWORK_EVERY_MS)
  }

  /** Opens a tab, unless there were as many tabs as there are names. */
  open(): void {
    const { random, sidecar, network } = this
    const name = NAMES[this.tabs.length + this.closedTabs.length]
    if (name === undefined) return
    const delayMs = random.oneOf([10, 10, 300, 600])
    const hasChosenId = this.#hasChosenIds
    this.tabs.push(new SimulatedTab({ name, sidecar, network, hasChosenId, delayMs }))
    this.note(`${name} is opened`)
  }

  close(tab: SimulatedTab): void {
    tab.close()
    this.tabs.splice(this.tabs.indexOf(tab), 1)
    this.closedTabs.push(tab)
  }

  /** Lets one random event happen to a random tab. */
  async causeEvent(): Promise<void> {
    const tab = this.random.oneOf(this.tabs)
    const event = this.random.oneOf(Object.keys(EVENTS))
    if (tab !== undefined) {
      this.note(`${tab.name} ${event}`)
      EVENTS[event]?.(tab, this)
    }
    await this.pass(this.#someTimeMs())
  }

  /** Ends a fault of this tab after a while, unless the tab is closed for good by then. */
  later(tab: SimulatedTab, act: () => void): void {
    const end = () => this.tabs.includes(tab) && act()
    this.#faults.add(setTimeout(end, this.#someTimeMs()))
  }

  /** Ends all faults. After that, each tab has a mesh, and is in a room or joins it. */
  async endFaults(): Promise<void> {
    for (const timer of this.#faults) clearTimeout(timer)
    this.sidecar.refusesNextJoinWith = undefined
    this.sidecar.start()
    for (const tab of this.tabs) tab.endFaults()
    await this.pass(3_000) // The refusal of a join may still be on its way.
    for (const tab of this.tabs) {
      tab.openMesh()
      tab.join()
    }
    this.note('all faults are over')
  }

  /** Lets this time pass, or less if `isDone` becomes true before. */
  async pass(ms: number, isDone = () => false): Promise<void> {
    const end = Date.now() + ms
    while (Date.now() < end && !isDone()) {
      fakeClock().next()
      await new Promise((resolve) => setImmediateOfNode(resolve)) // until all microtasks have run
    }
  }

  stop(): void {
    clearInterval(this.#networkTimer)
  }

  #someTimeMs(): number {
    return this.random.below(this.random.oneOf(TIMES_MS))
  }

  note(event: string): void {
    this.log.push(`${((Date.now() - this.#startedAt) / 1_000).toFixed(1)} s: ${event}`)
  }
}

/**
 * Returns the fake clock, whose `next` runs only one timer. `vi.advanceTimersToNextTimer` runs all
 * timers of the same moment, and their microtasks only after the last of these timers.
 * `vi.advanceTimersToNextTimerAsync` waits for a millisecond or more, which would be most of the
 * time of these tests.
 */
function fakeClock(): { next(): void } {
  return (setTimeout as unknown as { clock: { next(): void } }).clock
}

function useRandom(random: SeededRandom): void {
  vi.spyOn(Math, 'random').mockImplementation(() => random.below(1))
  vi.spyOn(crypto, 'getRandomValues').mockImplementation((array) => {
    const bytes = array as unknown as Uint8Array
    bytes.set(bytes.map(() => random.below(256)))
    return array
  })
}
