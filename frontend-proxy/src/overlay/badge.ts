import { element, setText } from './element.ts'
import type { State } from './messages.ts'
import { signOf } from './states.ts'

/** The button that is always on the page. A click opens or closes the panel. */
export class Badge {
  readonly button: HTMLButtonElement
  readonly #sign = element('span', { class: 'sign', 'aria-hidden': 'true' })
  readonly #text = element('span', { class: 'text' })

  constructor(panelId: string, toggle: () => void) {
    const attributes = { type: 'button', 'aria-expanded': 'false', 'aria-controls': panelId }
    this.button = element('button', attributes, this.#sign, this.#text)
    this.button.addEventListener('click', toggle)
    this.setSmall(false)
  }

  show(state: State | undefined, text: string): void {
    this.button.dataset.state = state ?? ''
    setText(this.#sign, signOf(state))
    setText(this.#text, text)
    // A small badge shows only the sign, so the tooltip says what the sign is about.
    this.button.title = `Signaling: ${text}`
  }

  setSmall(isSmall: boolean): void {
    this.button.className = isSmall ? 'badge small' : 'badge'
  }

  setExpanded(isExpanded: boolean): void {
    this.button.setAttribute('aria-expanded', String(isExpanded))
  }
}
