import { afterEach, expect, it, vi } from 'vitest'
import { observeMedia } from '../../src/trace/media.ts'

afterEach(() => vi.unstubAllGlobals())

/** Returns the devices of a page whose calls end with these results, and the reports about the calls. */
function devices(...results: readonly unknown[]) {
  const ends = [...results]
  class MediaDevices {
    async getUserMedia(constraints: unknown): Promise<unknown> {
      const end = ends.shift()
      if (end instanceof Error) throw end
      return [this, constraints, end]
    }
  }
  vi.stubGlobal('MediaDevices', MediaDevices)
  const reports: unknown[] = []
  observeMedia((report) => reports.push(report))
  return { page: new MediaDevices(), reports }
}

it('a failed call is reported, and the app gets the same error', async () => {
  const refusal = new DOMException('Permission denied', 'NotAllowedError')
  const { page, reports } = devices(refusal)
  await expect(page.getUserMedia({})).rejects.toBe(refusal)
  expect(reports).toEqual([{ event: 'media', operation: 'getUserMedia', name: 'NotAllowedError' }])
})

it('a call that succeeds is reported only after a failed one, and the app gets the same value', async () => {
  const { page, reports } = devices('first', new TypeError('no constraints'), 'second', 'third')
  expect(await page.getUserMedia({ audio: true })).toEqual([page, { audio: true }, 'first'])
  expect(reports).toEqual([])
  await expect(page.getUserMedia({})).rejects.toThrow(TypeError)
  await page.getUserMedia({ audio: true })
  await page.getUserMedia({ audio: true })
  expect(reports).toEqual([
    { event: 'media', operation: 'getUserMedia', name: 'TypeError' },
    { event: 'media', operation: 'getUserMedia' },
  ])
})

it('a page without devices, as one without https, is left as it is', () => {
  vi.stubGlobal('MediaDevices', undefined)
  expect(() => observeMedia(() => {})).not.toThrow()
})
