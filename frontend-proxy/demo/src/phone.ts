import { ask, fieldsOf, listIn, roomUrl, urlBeside } from './beside.ts'
import { copyOf, part } from './page.ts'

/** "Open on your phone": a QR code and the link in it. Only there when Vite is on the network. */
export class PhonePanel {
  readonly #panel: HTMLDetailsElement
  #room: string | undefined

  /** Takes the place of `placeholder`. */
  constructor(placeholder: Element) {
    const copy = copyOf('phone')
    if (!(copy instanceof HTMLDetailsElement)) throw new Error('the template phone is no <details>')
    this.#panel = copy
    const code = part(copy, 'img', HTMLImageElement)
    code.addEventListener('load', () => {
      copy.hidden = false
    })
    code.addEventListener('error', () => {
      copy.hidden = true
    })
    placeholder.replaceWith(copy)
  }

  /** For a room, else for the lobby. */
  show(room: string | undefined): void {
    this.#room = room
    part(this.#panel, 'img', HTMLImageElement).src = urlBeside(
      'qr',
      room === undefined ? {} : { room },
    )
    void this.#addLink(room)
  }

  set isOpen(isOpen: boolean) {
    this.#panel.open = isOpen
  }

  async #addLink(room: string | undefined): Promise<void> {
    const link = part(this.#panel, 'a', HTMLAnchorElement)
    link.hidden = true
    const answer = await ask('status', { brief: '' })
    if (typeof answer !== 'object' || this.#room !== room) return
    const [best] = listIn(fieldsOf(fieldsOf(answer.json).site).network)
    const url = roomUrl(best, room)
    if (url === undefined) return
    link.hidden = false
    link.href = url.href
    link.textContent = decodeURI(url.href)
  }
}
