/** Does work again after each call, but never twice at the same time, and at most once in `gapMs`. */
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
