import { part } from './dom.ts'

type Kind = 'audio' | 'video'

const NAMES: Readonly<Record<Kind, string>> = { audio: 'microphone', video: 'camera' }
const PROBLEMS: Readonly<Record<string, string>> = {
  NotAllowedError:
    'The browser does not let this page use it: the address bar is where to allow it.',
  NotFoundError: 'This device has none.',
  NotReadableError: 'Another program is using it.',
}

/**
 * The buttons for camera and microphone, and what they have turned on. Nothing is asked for before
 * somebody clicks: a room is joined without. Off means off: the device is released, not only muted.
 */
export class OwnMedia {
  readonly #both: HTMLButtonElement
  readonly #toggles: Readonly<Record<Kind, HTMLButtonElement>>
  readonly #tracks = new Map<Kind, MediaStreamTrack>()
  readonly #onChange: (stream: MediaStream | undefined) => void
  readonly #onProblem: (text: string) => void
  /** Counts stays in rooms: what was asked for in one is not turned on in the next. */
  #stay = 0

  constructor(
    root: HTMLElement,
    onChange: (stream: MediaStream | undefined) => void,
    onProblem: (text: string) => void,
    until: AbortSignal,
  ) {
    this.#onChange = onChange
    this.#onProblem = onProblem
    this.#both = part(root, '.media', HTMLButtonElement)
    this.#toggles = {
      audio: part(root, '.microphone', HTMLButtonElement),
      video: part(root, '.camera', HTMLButtonElement),
    }
    const turnBothOn = () => void this.#turnOn(this.#both, ['video', 'audio'])
    this.#both.addEventListener('click', turnBothOn, { signal: until })
    until.addEventListener('abort', () => {
      this.#stay += 1
    })
    for (const kind of ['audio', 'video'] as const) {
      const toggle = () => {
        if (this.#tracks.has(kind)) this.#turnOff(kind)
        else void this.#turnOn(this.#toggles[kind], [kind])
      }
      this.#toggles[kind].addEventListener('click', toggle, { signal: until })
    }
  }

  get stream(): MediaStream | undefined {
    return this.#tracks.size === 0 ? undefined : new MediaStream([...this.#tracks.values()])
  }

  /** In a room; `stream` is what is on already, when a saved module replaces this one. */
  start(stream?: MediaStream): void {
    this.#stay += 1
    // A page on `http://192.168.…` is no secure context and has no mediaDevices.
    this.#both.hidden = !('mediaDevices' in navigator) || stream !== undefined
    for (const toggle of Object.values(this.#toggles)) toggle.hidden = true
    this.#add(stream?.getTracks() ?? [])
  }

  stop(): void {
    this.#stay += 1
    for (const kind of [...this.#tracks.keys()]) this.#turnOff(kind)
  }

  async #turnOn(button: HTMLButtonElement, kinds: readonly Kind[]): Promise<void> {
    const stay = this.#stay
    button.disabled = true
    try {
      const tracks = await ask(kinds)
      if (stay === this.#stay) this.#add(tracks)
      else for (const track of tracks) track.stop()
    } catch (error) {
      if (!(error instanceof DOMException)) throw error
      const what = kinds.map((kind) => NAMES[kind]).join(' or ')
      this.#onProblem(`No ${what}. ${PROBLEMS[error.name] ?? error.message}`)
    } finally {
      button.disabled = false
    }
  }

  #add(tracks: readonly MediaStreamTrack[]): void {
    for (const track of tracks) {
      this.#tracks.set(track.kind as Kind, track)
      // Pulled out, or no longer allowed.
      track.onended = () => this.#turnOff(track.kind as Kind)
    }
    if (tracks.length > 0) this.#changed()
  }

  #turnOff(kind: Kind): void {
    this.#tracks.get(kind)?.stop()
    this.#tracks.delete(kind)
    this.#changed()
  }

  #changed(): void {
    this.#both.hidden = true
    for (const kind of ['audio', 'video'] as const) {
      this.#toggles[kind].hidden = false
      this.#toggles[kind].setAttribute('aria-pressed', String(this.#tracks.has(kind)))
    }
    this.#onChange(this.stream)
  }
}

/** Both in one question, else the one that is there. Throws what the browser says of the first. */
async function ask(kinds: readonly Kind[]): Promise<MediaStreamTrack[]> {
  try {
    const wish = Object.fromEntries(kinds.map((kind) => [kind, true]))
    return (await navigator.mediaDevices.getUserMedia(wish)).getTracks()
  } catch (error) {
    // Asking again would be rude.
    const isRefused = error instanceof DOMException && error.name === 'NotAllowedError'
    if (isRefused || kinds.length === 1) throw error
    const each = await Promise.allSettled(kinds.map((kind) => ask([kind])))
    const granted = each.flatMap((one) => (one.status === 'fulfilled' ? one.value : []))
    if (granted.length === 0) throw error
    return granted
  }
}
