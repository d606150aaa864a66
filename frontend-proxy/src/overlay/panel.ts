import { element } from './element.ts'

export interface PanelActions {
  readonly close: () => void
  readonly move: () => void
  readonly resize: () => void
}

/** The panel that the badge opens: a list, and below it the buttons that control the overlay. */
export class Panel {
  readonly root: HTMLElement
  readonly #list = element('div', { class: 'list' })

  readonly #size: HTMLButtonElement

  constructor(id: string, { close, move, resize }: PanelActions) {
    this.#size = button('', resize)
    const tools = element(
      'div',
      { class: 'tools' },
      button('Move badge', move),
      this.#size,
      button('Close', close),
    )
    const attributes = { class: 'panel', id, 'aria-label': 'Signaling' }
    this.root = element('section', attributes, this.#list, tools)
    this.root.hidden = true
  }

  get isOpen(): boolean {
    return !this.root.hidden
  }

  set isOpen(isOpen: boolean) {
    this.root.hidden = !isOpen
  }

  /** Sets the text of the button that changes the size of the badge. */
  setSmall(isSmall: boolean): void {
    this.#size.textContent = isSmall ? 'Enlarge badge' : 'Shrink badge'
  }

  /** Replaces the list only if it has changed, so that selected text stays selected. */
  show(...content: readonly HTMLElement[]): void {
    const list = element('div', { class: 'list' }, ...content)
    if (list.isEqualNode(this.#list)) return
    const focused = this.#list.querySelector('a:focus')?.getAttribute('href')
    this.#list.replaceChildren(...list.childNodes)
    const links = [...this.#list.querySelectorAll('a')]
    if (focused) links.find((link) => link.getAttribute('href') === focused)?.focus()
  }
}

function button(text: string, act: () => void): HTMLButtonElement {
  const created = element('button', { type: 'button' }, text)
  created.addEventListener('click', act)
  return created
}
