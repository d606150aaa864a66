/** Throttles `work`: it runs after each call, but only once at a time, with `gapMs` between two runs. */
export function paced(work, gapMs) {
  let isRunning = false
  let isWanted = false
  return async function again() {
    isWanted = true
    if (isRunning) return
    isRunning = true
    while (isWanted) {
      isWanted = false
      await work()
      await new Promise((resolve) => setTimeout(resolve, gapMs))
    }
    isRunning = false
  }
}
