/**
 * Camera and microphone, as far as there are any and the user lets us. Nothing waits for them: the
 * room is joined without, and the tracks come when they come.
 */

/** Resolves with what was granted; undefined when that is nothing. */
export async function ownMedia(): Promise<MediaStream | undefined> {
  // A page on `http://192.168.…` is no secure context and has no mediaDevices.
  const devices: MediaDevices | undefined = navigator.mediaDevices
  if (devices === undefined) return undefined
  const wishes = [{ audio: true, video: true }, { audio: true }, { video: true }]
  for (const wish of wishes) {
    try {
      return await devices.getUserMedia(wish)
    } catch (error) {
      if (!(error instanceof DOMException)) throw error
      if (error.name === 'NotAllowedError') return undefined // asking again would be rude
      // No such device, or one that another program holds: the other kind may still work.
    }
  }
  return undefined
}

/** Makes a button mute and unmute one kind of track; hidden while there is none. */
export function bindToggle(
  button: HTMLButtonElement,
  kind: 'audio' | 'video',
  stream: MediaStream | undefined,
): void {
  const tracks = stream?.getTracks().filter((track) => track.kind === kind) ?? []
  button.hidden = tracks.length === 0
  button.setAttribute('aria-pressed', 'true')
  button.onclick = () => {
    const isOn = button.getAttribute('aria-pressed') !== 'true'
    button.setAttribute('aria-pressed', String(isOn))
    for (const track of tracks) track.enabled = isOn
  }
}
