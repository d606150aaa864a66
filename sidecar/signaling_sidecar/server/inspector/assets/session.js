/** The token of this visit, if `sidecar inspect` has opened the page. Under Vite, the plugin adds the admin's token itself. */

const KEY = 'signaling-inspector-token'

/** Exchanges the one-time code in the URL for a token, and removes the code from the URL. Throws when it is refused. */
export async function enter() {
  const code = new URLSearchParams(location.hash.slice(1)).get('code')
  if (!code) return
  history.replaceState(history.state, '', location.pathname + location.search)
  sessionStorage.removeItem(KEY)
  const answer = await fetch('api/session', {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ code }),
  })
  if (answer.ok) sessionStorage.setItem(KEY, (await answer.json()).token)
}

export function credentials() {
  const token = sessionStorage.getItem(KEY)
  return token ? { Authorization: `Bearer ${token}` } : {}
}
