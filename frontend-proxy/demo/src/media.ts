import { part } from './dom.ts'

type Kind = 'audio' | 'video'

const NAMES: Readonly<Record<Kind, string>> = { audio: 'microphone', video: 'camera' }
const NONE = 'This device has none.'
const PROBLEMS: Readonly<Record<string, string>> = {
  NotAllowedError: 'The browser has blocked it for this page. You can allow it in the address bar.',
  NotFoundError: NONE,
  OverconstrainedError: NONE, // Safari reports a missing device like this, with the text "Invalid constraint".
  NotReadableError: 'Another program is using it.',
}

/**
 * The buttons for camera and microphone, and the tracks that they have turned on. The page asks for
 * permission only after a click. Turning a device off releases it instead of muting it.
 */
export class OwnMedia {
  readonly #both: HTMLButtonElement
  readonly #toggles: Readonly<Record<Kind, HTMLButtonElement>>
  readonly #tracks = new Map<Kind, MediaStreamTrack>()
  readonly #onChange: (stream: MediaStream | undefined) => void
  readonly #onProblem: (text: string) => void
  /**
   * A number that changes with each room, so that a device which was requested in one room is not turned on in the
   * next.
   */
  #visit = 0

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
      this.#visit += 1
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

  /**
   * Must be called when a room is joined. After Vite has replaced this module, `stream` contains the tracks that
   * the old module had turned on.
   */
  start(stream?: MediaStream): void {
    this.#visit += 1
    // `mediaDevices` is missing on insecure pages such as `http://192.168.…`.
    this.#both.hidden = !('mediaDevices' in navigator) || stream !== undefined
    for (const toggle of Object.values(this.#toggles)) toggle.hidden = true
    this.#add(stream?.getTracks() ?? [])
  }

  stop(): void {
    this.#visit += 1
    for (const kind of [...this.#tracks.keys()]) this.#turnOff(kind)
  }

  async #turnOn(button: HTMLButtonElement, kinds: readonly Kind[]): Promise<void> {
    const visit = this.#visit
    button.disabled = true
    try {
      const tracks = await request(kinds)
      if (visit === this.#visit) this.#add(tracks)
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
      // The event `ended` means that the device was unplugged or the permission was withdrawn.
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

/**
 * Requests all devices in one prompt. If that fails, requests each device separately, because one may be missing.
 * Throws the error of the first request if no device can be used.
 */
async function request(kinds: readonly Kind[]): Promise<MediaStreamTrack[]> {
  try {
    const constraints = Object.fromEntries(kinds.map((kind) => [kind, true]))
    return (await navigator.mediaDevices.getUserMedia(constraints)).getTracks()
  } catch (error) {
    // The user has refused, so the page does not ask again.
    const isRefused = error instanceof DOMException && error.name === 'NotAllowedError'
    if (isRefused || kinds.length === 1) throw error
    const each = await Promise.allSettled(kinds.map((kind) => request([kind])))
    const granted = each.flatMap((one) => (one.status === 'fulfilled' ? one.value : []))
    if (granted.length === 0) throw error
    return granted
  }
}
