import { copyOf, part } from './dom.ts'

/**
 * The maximum number of lines. Older lines are removed, so that the page does not grow while it is open for days.
 */
const MAX_LINES = 300

/**
 * Shows the chat of a room. Other people write the lines, so each line is set as `textContent`, and never as HTML.
 */
export class Chat {
  readonly #log: HTMLOListElement

  constructor(root: HTMLElement, onSend: (text: string) => void, until: AbortSignal) {
    this.#log = part(root, '.log', HTMLOListElement)
    const form = part(root, 'form', HTMLFormElement)
    const input = part(form, 'input', HTMLInputElement)
    const send = (event: SubmitEvent) => {
      event.preventDefault()
      if (input.value.trim() === '') return
      onSend(input.value)
      form.reset()
    }
    form.addEventListener('submit', send, { signal: until })
  }

  clear(): void {
    this.#log.replaceChildren()
  }

  /** Adds a line about an event, such as "Ann joined". */
  note(text: string): void {
    this.#append('note', '', text)
  }

  add(author: string, text: string, isOwn: boolean): void {
    this.#append(isOwn ? 'own' : 'other', author, text)
  }

  #append(kind: 'note' | 'own' | 'other', author: string, text: string): void {
    const isAtEnd = this.#log.scrollHeight - this.#log.scrollTop - this.#log.clientHeight < 40
    const line = copyOf('line')
    line.dataset.kind = kind
    part(line, '.author', HTMLElement).textContent = author
    const shown = part(line, '.text', HTMLElement)
    shown.textContent = text
    // A note is an English sentence, even if it begins with a name in Arabic.
    shown.dir = kind === 'note' ? 'ltr' : 'auto'
    this.#log.append(line)
    while (this.#log.childElementCount > MAX_LINES) this.#log.firstElementChild?.remove()
    if (isAtEnd) this.#log.scrollTop = this.#log.scrollHeight
  }
}
