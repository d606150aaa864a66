import { copyOf, part } from './dom.ts'
import { fieldsOf, get, listIn, roomUrl, sidecarUrl } from './sidecar-http.ts'

/** "Open on your phone": a link and its QR code. The panel is hidden unless Vite listens on the network. */
export class PhonePanel {
  readonly #panel: HTMLDetailsElement
  readonly #code: HTMLImageElement
  readonly #link: HTMLAnchorElement
  #room: string | undefined

  /** Replaces the element `placeholder`. */
  constructor(placeholder: Element) {
    const copy = copyOf('phone')
    if (!(copy instanceof HTMLDetailsElement))
      throw new Error('the template phone does not contain a <details>')
    this.#panel = copy
    this.#code = part(copy, 'img', HTMLImageElement)
    this.#link = part(copy, 'a', HTMLAnchorElement)
    // The sidecar can draw QR codes only if its Python extra `lan` is installed. Without the QR code, the panel
    // shows only the link.
    this.#code.addEventListener('error', () => {
      this.#code.hidden = true
    })
    placeholder.replaceWith(copy)
  }

  /** Shows the link to a room, or to the lobby if `room` is undefined. */
  show(room: string | undefined): void {
    this.#room = room
    this.#panel.hidden = true
    void this.#fill(room)
  }

  set isOpen(isOpen: boolean) {
    this.#panel.open = isOpen
  }

  async #fill(room: string | undefined): Promise<void> {
    const answer = await get('status', { brief: '' })
    if (typeof answer !== 'object' || this.#room !== room) return
    const [best] = listIn(fieldsOf(fieldsOf(answer.json).site).network)
    const url = roomUrl(best, room)
    if (url === undefined) return
    this.#panel.hidden = false
    this.#code.hidden = false
    this.#code.src = sidecarUrl('qr', room === undefined ? {} : { room })
    this.#link.href = url.href
    this.#link.textContent = decodeURI(url.href)
  }
}
