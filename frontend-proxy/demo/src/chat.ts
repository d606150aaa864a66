import { copyOf, part } from './dom.ts'

/** Older lines go: a page that is open for days should not grow. */
const MAX_LINES = 300

/** The lines of a room. All text is foreign, so it only ever becomes `textContent`. */
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

  /** Something that happened: "Ann joined". */
  note(text: string): void {
    this.#add('note', '', text)
  }

  say(author: string, text: string, isOwn: boolean): void {
    this.#add(isOwn ? 'own' : 'other', author, text)
  }

  #add(kind: 'note' | 'own' | 'other', author: string, text: string): void {
    const isAtEnd = this.#log.scrollHeight - this.#log.scrollTop - this.#log.clientHeight < 40
    const line = copyOf('line')
    line.dataset.kind = kind
    part(line, '.author', HTMLElement).textContent = author
    part(line, '.text', HTMLElement).textContent = text
    this.#log.append(line)
    while (this.#log.childElementCount > MAX_LINES) this.#log.firstElementChild?.remove()
    if (isAtEnd) this.#log.scrollTop = this.#log.scrollHeight
  }
}
