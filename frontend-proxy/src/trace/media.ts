/** Reports when a page gets no camera, no microphone or no picture of the screen. */

import type { Reporter } from '../browser/trace-report.ts'

const METHODS = ['getUserMedia', 'getDisplayMedia'] as const

/**
 * Calls `report` when one of these methods has failed, and when it has succeeded after that. The app gets
 * the same values and errors as without this function.
 */
export function observeMedia(report: Reporter): void {
  const devices = globalThis.MediaDevices?.prototype
  for (const operation of METHODS) {
    const method = devices?.[operation]
    if (devices === undefined || method === undefined) continue
    let hasFailed = false
    devices[operation] = async function (this: MediaDevices, ...constraints) {
      try {
        const stream = await method.apply(this, constraints)
        if (hasFailed) report({ event: 'media', operation })
        hasFailed = false
        return stream
      } catch (error) {
        hasFailed = true
        report({ event: 'media', operation, name: error instanceof Error ? error.name : 'Error' })
        throw error
      }
    }
  }
}
