import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { parseFrame } from '../../src/browser/parse-frame.ts'

interface Vector {
  readonly name: string
  readonly steps: readonly { readonly receive?: { readonly type: string } }[]
}

// The same files that the sidecar's own tests play: what it sends there must be known here.
const folder = new URL('../../../tests/vectors/rooms/', import.meta.url)
const vectors = readdirSync(folder).map(
  (file): Vector => JSON.parse(readFileSync(new URL(file, folder), 'utf8')),
)

describe.each(vectors)('the vector "$name"', ({ steps }) => {
  const frames = steps.flatMap(({ receive }) => (receive ? [receive] : []))

  it.each(frames.filter(({ type }) => type !== 'pong'))('has a known frame: %j', (frame) => {
    expect(parseFrame(JSON.stringify(frame))).toMatchObject({ type: frame.type })
  })

  it('loses no peer, room or field that the sidecar tells', () => {
    for (const frame of frames) {
      const parsed = JSON.stringify(parseFrame(JSON.stringify(frame)) ?? frame)
      for (const [, value] of JSON.stringify(frame).matchAll(/:("[^"]+"|\d+|true)/g)) {
        if (frame.type !== 'pong' && !('to' in frame)) expect(parsed).toContain(value)
      }
    }
  })
})
