/** What this page finds by itself, and the doctor's findings. */

let ofSidecar = []
let hasAnswered = false
const ofPage = new Map()

function find(finding) {
  ofPage.set(finding.code, finding)
  showFindings()
}

function lookAtThisPage() {
  find(
    isSecureContext
      ? {
          code: 'secure',
          level: 'ok',
          sentence: `this page (${location.origin}) is a secure context`,
        }
      : {
          code: 'secure',
          level: 'wrong',
          sentence: `this page (${location.origin}) is no secure context, so it has no camera and no microphone; data channels work`,
          remedy: 'serve it over https: signaling({ lan: true }) in vite.config.js',
        },
  )
  find(
    'RTCPeerConnection' in window
      ? { code: 'webrtc', level: 'ok', sentence: 'this browser has WebRTC' }
      : {
          code: 'webrtc',
          level: 'wrong',
          sentence: 'this browser has no WebRTC',
          remedy: 'is it switched off, or by an extension? Try another browser',
        },
  )
}

function showFindings() {
  const all = [...ofPage.values(), ...ofSidecar]
  const faults = [
    ...all.filter(({ level }) => level === 'wrong'),
    ...all.filter(({ level }) => level === 'note'),
  ]
  const fine = all.filter(({ level }) => level === 'ok')
  $('faults').replaceChildren(...faults.map(findingRow))
  $('fine').replaceChildren(...fine.map(findingRow))
  $('fine-title').textContent = fine.length === 1 ? '1 check passed' : `${fine.length} checks passed`
  $('doctor-title').textContent = verdict(faults)
}

function verdict(faults) {
  if (!hasAnswered || !ofPage.has('websocket')) return 'Looking…'
  const wrong = faults.filter(({ level }) => level === 'wrong').length
  if (wrong === 0) return 'Nothing is wrong'
  return wrong === 1 ? 'One thing is in the way' : `${wrong} things are in the way`
}

function findingRow({ code, level, sentence, remedy }) {
  const row = make('li')
  Object.assign(row.dataset, { level, code })
  row.append(
    make('span', sentence),
    ...(remedy ? [make('span', remedy, { className: 'remedy' })] : []),
  )
  return row
}
