import { copyOf, part } from './dom.ts'

const HUES = 12

/** Shows one person: the video (or initials without one), the name, and the state of the connection. */
export class Tile {
  readonly element: HTMLElement = copyOf('tile')
  readonly #video = part(this.element, 'video', HTMLVideoElement)

  constructor(peerId: string, isSelf: boolean) {
    this.element.dataset.peer = peerId
    this.element.dataset.self = String(isSelf)
    this.element.style.setProperty('--hue', String((hash(peerId) % HUES) * (360 / HUES)))
    this.#video.muted = isSelf // Users must not hear themselves.
  }

  describe(name: string, state: string, label: string): void {
    this.element.dataset.state = state
    part(this.element, '.who', HTMLElement).textContent = name
    part(this.element, '.state', HTMLElement).textContent = label
    part(this.element, '.initials', HTMLElement).textContent = initials(name)
    this.#video.setAttribute('aria-label', `Picture of ${name}`)
  }

  show(stream: MediaStream | undefined): void {
    // A hidden <video> still plays the sound.
    this.#video.hidden = (stream?.getVideoTracks().length ?? 0) === 0
    if (this.#video.srcObject === (stream ?? null)) return
    this.#video.srcObject = stream ?? null
    if (stream !== undefined) void play(this.#video)
  }
}

/** Browsers play no sound before the first click on a page, so the video is muted until then. */
async function play(video: HTMLVideoElement): Promise<void> {
  try {
    await video.play()
  } catch (error) {
    if (!(error instanceof DOMException)) throw error
    if (error.name === 'AbortError') return // Another stream was set in the meantime.
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
