/**
 * Lets random events happen to some pages, and checks that all pages in a room are connected when
 * no more faults happen. The client is real; the pages, the network and the sidecar are simulated.
 *
 * If a test fails, it prints its seed and the events. `SEED=7 npx vitest run any-events` repeats the
 * events with the seed 7. `FUZZ_S=600 npx vitest run any-events` tries other seeds for ten minutes.
 */

import { expect, it, vi } from 'vitest'
import { useFakeConnections } from './mesh-scene.ts'
import type { SimulatedTab } from './simulated-tab.ts'
import { Simulation } from './simulation.ts'
import { useStrongAbortListeners } from './strong-abort-listeners.ts'

/**
 * Each of these seeds is sensitive to some part of the client: without that part, pages would not be
 * connected after the events of the seed, or timers would be left.
 */
const SENSITIVE_SEEDS = [
  101, 142, 234, 287, 289, 300, 321, 336, 406, 419, 488, 580, 635, 768, 1456, 7167, 1_005_292,
  1_007_804, 1_015_499, 2_010_525, 4_009_960, 4_010_403, 4_018_743, 5_002_691,
]
const SEEDS = [...Array.from({ length: 80 }, (_, nth) => nth), ...SENSITIVE_SEEDS]
const { SEED } = process.env
const FUZZ_S = Number(process.env.FUZZ_S ?? 0)
/**
 * How long it may take until all pages are connected, after the last fault. A link that waits for its
 * deadline of 15 s takes longer.
 */
const CONNECTED_WITHIN_MS = 12_000
/**
 * How long the sidecar may keep a session that its page does not continue, because the page has
 * crashed or its `leave` was lost. The sidecar notices that within 20 s, and then waits for 30 s. Until
 * the session has ended, the page waits for its id if the app has chosen the id, and the other pages
 * may list the old peer.
 */
const FORGOTTEN_WITHIN_MS = 60_000
const FIRST_FUZZ_SEED = Date.now() % 1_000_000_000
const nowByRealClock = performance.now.bind(performance)

useFakeConnections()
useStrongAbortListeners()

if (SEED !== undefined) {
  it('all pages are connected after the events of this seed', () => expectConnected(Number(SEED)))
} else if (FUZZ_S > 0) {
  it('all pages are connected after the events of any seed', fuzz, FUZZ_S * 1_000 + 60_000)
} else {
  it.each(SEEDS)('all pages are connected after the events of seed %i', expectConnected)
}

async function fuzz(): Promise<void> {
  const endsAt = nowByRealClock() + FUZZ_S * 1_000
  for (let seed = FIRST_FUZZ_SEED; nowByRealClock() < endsAt; seed += 1) await expectConnected(seed)
}

async function expectConnected(seed: number): Promise<void> {
  const simulation = new Simulation(seed)
  const { random } = simulation
  const openTabs = 2 + Math.floor(random.below(2))
  const events = 1 + Math.floor(random.below(8))
  for (let count = 0; count < openTabs; count += 1) {
    simulation.open()
    await simulation.pass(random.below(3_000))
  }
  for (let count = 0; count < events; count += 1) await simulation.causeEvent()
  await simulation.endFaults()
  await expectConnectedSoon(simulation)
  await expectSoon(simulation, FORGOTTEN_WITHIN_MS, () => faults(simulation.tabs))
  await simulation.pass(40_000)
  simulation.note('40 s later, everything must be the same')
  await expectSoon(simulation, 0, () => faults(simulation.tabs))
  await expectNothingLeft(simulation)
}

async function expectConnectedSoon(simulation: Simulation): Promise<void> {
  const { tabs } = simulation
  const findUnconnected = () => tabs.flatMap((tab) => unconnected(tab, tabs))
  let since = Date.now()
  await simulation.pass(FORGOTTEN_WITHIN_MS + CONNECTED_WITHIN_MS, () => {
    if (tabs.some((tab) => tab.isWaitingForId)) since = Date.now()
    return findUnconnected().length === 0 || Date.now() > since + CONNECTED_WITHIN_MS
  })
  await expectSoon(simulation, 0, findUnconnected)
}

/** Lets all pages leave their rooms, and then closes them. No timers or listeners may be left. */
async function expectNothingLeft(simulation: Simulation): Promise<void> {
  const { tabs, closedTabs } = simulation
  for (const tab of tabs) {
    tab.closeMesh()
    tab.leave()
  }
  await simulation.pass(5_000)
  // The network has one timer. Each open connection has another one, for its next ping, and for a
  // short time one for a ping that is on its way.
  await expectSoon(simulation, 3_000, () => timersExcept(1 + tabs.length))
  for (const tab of [...tabs]) simulation.close(tab)
  await simulation.pass(5_000)
  simulation.stop()
  const listeners = () => closedTabs.flatMap((tab) => tab.listeners)
  await expectSoon(simulation, 0, () => [...timersExcept(0), ...listeners()])
}

/** Waits until nothing is wrong. If something is still wrong after that time, the test fails. */
async function expectSoon(simulation: Simulation, withinMs: number, wrong: () => string[]) {
  await simulation.pass(withinMs, () => wrong().length === 0)
  const found = wrong()
  if (found.length === 0) return
  simulation.note('this is wrong:')
  expect.fail(
    [`What happened with SEED=${simulation.seed}:`, ...simulation.log, ...found].join('\n'),
  )
}

/** Returns a sentence for everything that is wrong now. Call it long after all faults are over. */
function faults(tabs: readonly SimulatedTab[]): string[] {
  return tabs.flatMap((tab) => [
    ...tab.wrongEvents.map((wrong) => `for ${tab.name}, ${wrong}`),
    ...unconnected(tab, tabs),
    ...misinformed(tab, tabs),
  ])
}

/** Returns a sentence for each page in the tab's room that is not connected to the tab. */
function unconnected(tab: SimulatedTab, tabs: readonly SimulatedTab[]): string[] {
  if (!tab.client.joined) return [`${tab.name} is in no room`]
  return othersInRoom(tab, tabs)
    .filter((other) => {
      const member = tab.mesh?.peers.find(({ peerId }) => peerId === other.client.peerId)
      const [mine, its] = [tab.connectionTo(other), other.connectionTo(tab)]
      const areEnds = its !== undefined && mine?.hasNegotiatedWith(its)
      const isNegotiating = mine?.signalingState !== 'stable'
      return member?.state !== 'connected' || !areEnds || isNegotiating
    })
    .map((other) => `${tab.name} is not connected to ${other.name}`)
}

/** Returns a sentence for each of the tab's lists of peers that differs from the pages in its room. */
function misinformed(tab: SimulatedTab, tabs: readonly SimulatedTab[]): string[] {
  const others = othersInRoom(tab, tabs)
  const expected = listOf(others.map(({ client, profileName }) => [client.peerId, profileName]))
  const inClient = listOf([...tab.client.peers.values()].map(({ peerId, name }) => [peerId, name]))
  const inMesh = listOf(tab.mesh?.peers.map(({ peerId, peer }) => [peerId, peer.name]) ?? [])
  const wrong: string[] = []
  if (inClient !== expected) wrong.push(`${tab.name} lists ${inClient}, not ${expected}`)
  if (inMesh !== expected) wrong.push(`the mesh of ${tab.name} lists ${inMesh}, not ${expected}`)
  return wrong
}

function listOf(peers: (string | undefined)[][]): string {
  return JSON.stringify(peers.sort())
}

function othersInRoom(tab: SimulatedTab, tabs: readonly SimulatedTab[]): SimulatedTab[] {
  return tabs.filter((other) => other !== tab && other.room === tab.room)
}

function timersExcept(expected: number): string[] {
  const count = vi.getTimerCount()
  return count === expected ? [] : [`there are ${count} timers, not ${expected}`]
}
