/** Keeps the token that a link of `sidecar inspect` gives. Under Vite, the plugin adds the admin's token instead. */

const KEY = 'signaling-inspector-token'

/** Why the last link was refused. */
export let refusal = ''

/** Exchanges the one-time code in the URL for a token, and removes the code from the URL. */
export async function enter() {
  const code = new URLSearchParams(location.hash.slice(1)).get('code')
  if (!code) return
  history.replaceState(history.state, '', location.pathname + location.search)
  const answer = await fetch('api/session', {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ code }),
  })
  const { token, message } = await answer.json()
  refusal = message
  if (token) sessionStorage.setItem(KEY, token)
}

export function credentials() {
  const token = sessionStorage.getItem(KEY)
  return token ? { Authorization: `Bearer ${token}` } : {}
}
