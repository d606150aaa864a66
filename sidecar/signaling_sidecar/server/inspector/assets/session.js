/** Keeps the token that a link of `sidecar inspect` gives. Under Vite, the plugin adds the admin's token instead. */

import { ask } from './api.js'

const KEY = 'signaling-inspector-token'
const TABS_ANSWER_WITHIN_MS = 200

/** Why the last link was refused. */
export let refusal = ''

/** Exchanges the one-time code in the URL for a token, and removes the code from the URL. */
export async function enter() {
  const code = new URLSearchParams(location.hash.slice(1)).get('code')
  if (!code) return
  history.replaceState(history.state, '', location.pathname + location.search)
  try {
    const { token } = await ask('session', { method: 'POST', body: { code } })
    sessionStorage.setItem(KEY, token)
    refusal = ''
  } catch ({ status, message }) {
    if (status > 0) refusal = message
  }
}

const tabs = new BroadcastChannel(KEY)
tabs.onmessage = ({ data: { refused } }) => {
  const token = storedToken()
  if (refused !== undefined && token !== null && token !== refused) tabs.postMessage({ token })
}

/**
 * Returns whether this tab has another token than the refused one, and asks the other tabs for theirs if needed. A tab
 * that was opened by a Ctrl+click has none, because the browser gives it no copy of `sessionStorage`.
 */
export async function hasOtherToken(refused) {
  if (storedToken() === refused) {
    const token = await new Promise((resolve) => {
      const late = AbortSignal.timeout(TABS_ANSWER_WITHIN_MS)
      late.onabort = () => resolve()
      tabs.addEventListener('message', ({ data }) => data.token && resolve(data.token), { signal: late })
      tabs.postMessage({ refused })
    })
    if (token) sessionStorage.setItem(KEY, token)
  }
  return storedToken() !== refused
}

export const storedToken = () => sessionStorage.getItem(KEY)

export function credentials() {
  const token = storedToken()
  return token ? { Authorization: `Bearer ${token}` } : {}
}
