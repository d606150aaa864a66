import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { parseFrame } from '../../src/browser/parse-frame.ts'

interface Vector {
  readonly name: string
  readonly steps: readonly { readonly receive?: { readonly type: string } }[]
}

// The sidecar's tests use the same files. The client must be able to parse every frame that the
// sidecar sends.
const folder = new URL('../../../tests/vectors/rooms/', import.meta.url)
const vectors = readdirSync(folder).map(
  (file): Vector => JSON.parse(readFileSync(new URL(file, folder), 'utf8')),
)

describe.each(vectors)('the vector "$name"', ({ steps }) => {
  const frames = steps.flatMap(({ receive }) => (receive ? [receive] : []))

  it.each(frames.filter(({ type }) => type !== 'pong'))('contains a known frame: %j', (frame) => {
    expect(parseFrame(JSON.stringify(frame))).toMatchObject({ type: frame.type })
  })

  it('is parsed with all peers, rooms and fields', () => {
    for (const frame of frames) {
      const parsed = JSON.stringify(parseFrame(JSON.stringify(frame)) ?? frame)
      for (const [, value] of JSON.stringify(frame).matchAll(/:("[^"]+"|\d+|true)/g)) {
        if (frame.type !== 'pong' && !('to' in frame)) expect(parsed).toContain(value)
      }
    }
  })
})
