/** Keeps the token that a link of `sidecar inspect` gives. Under Vite, the plugin adds the admin's token instead. */

import { ask } from './api.js'

const KEY = 'signaling-inspector-token'

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

export function credentials() {
  const token = sessionStorage.getItem(KEY)
  return token ? { Authorization: `Bearer ${token}` } : {}
}
