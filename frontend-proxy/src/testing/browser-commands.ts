import { connectToSidecar } from './connect-to-sidecar.ts'
import type { Expectation, TestRoom } from './test-room.ts'
import type { Peer, Rejection, Verdict } from './verdict.ts'

/** The part of Vitest's `BrowserCommandContext` that is used here. */
interface Context {
  readonly project: { readonly config: { readonly root: string } }
}

/**
 * Commands for tests that Vitest runs in a browser. Each command calls, in Node, the method of `TestRoom` with the
 * same name. The first argument of each command is the id of the room. In the Vitest config:
 *
 * ```js
 * test: { browser: { commands: sidecarCommands } }
 * ```
 */
export const sidecarCommands = {
  untilConnected: async (
    context: Context,
    room: string,
    expectation: Expectation,
  ): Promise<readonly Verdict[]> => (await roomOf(context, room)).untilConnected(expectation),
  verdicts: async (context: Context, room: string): Promise<readonly Verdict[]> =>
    (await roomOf(context, room)).verdicts(),
  rejections: async (context: Context, room: string): Promise<readonly Rejection[]> =>
    (await roomOf(context, room)).rejections(),
  peers: async (context: Context, room: string): Promise<readonly Peer[]> =>
    (await roomOf(context, room)).peers(),
  kick: async (context: Context, room: string, peer: string): Promise<void> =>
    (await roomOf(context, room)).kick(peer),
}

async function roomOf({ project }: Context, room: string): Promise<TestRoom> {
  const sidecar = await connectToSidecar({ project: project.config.root })
  return sidecar.room(room)
}

type WithoutContext<T> = T extends (context: Context, ...rest: infer Rest) => infer Result
  ? (...rest: Rest) => Result
  : never

/** The types of the commands as a test calls them, for `declare module 'vitest/browser'`. */
export type SidecarCommands = {
  [Name in keyof typeof sidecarCommands]: WithoutContext<(typeof sidecarCommands)[Name]>
}
