/** Creates the parts of the panel that say how to join a room, and show the sidecar's hints. */

import { element } from './element.ts'
import type { Hint } from './messages.ts'
import { note } from './pair-list.ts'

/**
 * Returns the section that tells how a page joins a room. `inspector` is the path of the inspector,
 * from which the URL of the sidecar's WebSocket is computed.
 */
export function howToJoin(inspector: string): HTMLElement {
  const url = new URL('../ws/signaling', new URL(inspector, location.href))
  url.protocol = url.protocol.replace('http', 'ws')
  return element(
    'section',
    {},
    note('Nobody is in a room of this dev server.'),
    note('With the browser client, new Mesh({ room: "lobby" }) joins one.'),
    note(`To use another client, connect its WebSocket to ${url.href}`),
    note(
      `(PeerJS: host "${url.hostname}", port ${url.port || 'of the page'}, path "${url.pathname}";`,
    ),
    note(`y-webrtc: signaling ["${url.href}/y-webrtc"]).`),
  )
}

export function hintSection(hints: readonly Hint[]): HTMLElement[] {
  if (hints.length === 0) return []
  const items = hints.map(({ code, sentence, remedy }) =>
    element(
      'li',
      { 'data-code': code },
      element('p', {}, `${sentence.charAt(0).toUpperCase()}${sentence.slice(1)}.`),
      ...(remedy === null ? [] : [note(`→ ${remedy}`)]),
    ),
  )
  return [element('section', {}, element('h3', {}, 'Good to know'), element('ul', {}, ...items))]
}
