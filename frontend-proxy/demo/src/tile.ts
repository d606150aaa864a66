import { copyOf, part } from './dom.ts'

const HUES = 12

/** One person: initials until there is a picture, a name, and how it stands with the connection. */
export class Tile {
  readonly element: HTMLElement = copyOf('tile')
  readonly #video = part(this.element, 'video', HTMLVideoElement)

  constructor(peerId: string, isSelf: boolean) {
    this.element.dataset.peer = peerId
    this.element.dataset.self = String(isSelf)
    this.element.style.setProperty('--hue', String((hash(peerId) % HUES) * (360 / HUES)))
    this.#video.muted = isSelf // nobody wants to hear himself
  }

  describe(name: string, state: string, label: string): void {
    this.element.dataset.state = state
    part(this.element, '.who', HTMLElement).textContent = name
    part(this.element, '.state', HTMLElement).textContent = label
    part(this.element, '.initials', HTMLElement).textContent = initials(name)
    this.#video.setAttribute('aria-label', `Picture of ${name}`)
  }

  show(stream: MediaStream | undefined): void {
    // Hidden it still plays the sound.
    this.#video.hidden = (stream?.getVideoTracks().length ?? 0) === 0
    if (this.#video.srcObject === (stream ?? null)) return
    this.#video.srcObject = stream ?? null
    if (stream !== undefined) void play(this.#video)
  }
}

/** A page that was not clicked yet may not play sound: then without, until it is clicked. */
async function play(video: HTMLVideoElement): Promise<void> {
  try {
    await video.play()
  } catch (error) {
    if (!(error instanceof DOMException)) throw error
    if (error.name === 'AbortError') return // another stream took its place
    if (error.name !== 'NotAllowedError' || video.muted) throw error
    video.muted = true
    const unmute = () => {
      video.muted = false
    }
    document.addEventListener('pointerdown', unmute, { once: true })
    await play(video)
  }
}

function initials(name: string): string {
  const words = name.split(/\s+/u).filter((word) => word !== '')
  const letters = [words.at(0), words.length > 1 ? words.at(-1) : undefined]
  return letters.map((word) => [...(word ?? '')][0] ?? '').join('')
}

function hash(text: string): number {
  return [...text].reduce((sum, letter) => (sum * 31 + (letter.codePointAt(0) ?? 0)) % 65_521, 7)
}
