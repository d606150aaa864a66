import { setMaxListeners } from 'node:events'

// Node.js prints a warning if an AbortSignal has more than ten listeners. A mesh needs more, and
// browsers have no such limit.
setMaxListeners(0)
