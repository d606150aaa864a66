import { copyOf, part } from './dom.ts'
import { ask, fieldsOf, listIn, roomUrl, urlBeside } from './sidecar-http.ts'

/** "Open on your phone": a link and its QR code. Only there when Vite is on the network. */
export class PhonePanel {
  readonly #panel: HTMLDetailsElement
  readonly #code: HTMLImageElement
  readonly #link: HTMLAnchorElement
  #room: string | undefined

  /** Takes the place of `placeholder`. */
  constructor(placeholder: Element) {
    const copy = copyOf('phone')
    if (!(copy instanceof HTMLDetailsElement)) throw new Error('the template phone is no <details>')
    this.#panel = copy
    this.#code = part(copy, 'img', HTMLImageElement)
    this.#link = part(copy, 'a', HTMLAnchorElement)
    // The sidecar draws codes only with its extra `lan`; the link says the same.
    this.#code.addEventListener('error', () => {
      this.#code.hidden = true
    })
    placeholder.replaceWith(copy)
  }

  /** For a room, else for the lobby. */
  show(room: string | undefined): void {
    this.#room = room
    this.#panel.hidden = true
    void this.#fill(room)
  }

  set isOpen(isOpen: boolean) {
    this.#panel.open = isOpen
  }

  async #fill(room: string | undefined): Promise<void> {
    const answer = await ask('status', { brief: '' })
    if (typeof answer !== 'object' || this.#room !== room) return
    const [best] = listIn(fieldsOf(fieldsOf(answer.json).site).network)
    const url = roomUrl(best, room)
    if (url === undefined) return
    this.#panel.hidden = false
    this.#code.hidden = false
    this.#code.src = urlBeside('qr', room === undefined ? {} : { room })
    this.#link.href = url.href
    this.#link.textContent = decodeURI(url.href)
  }
}
