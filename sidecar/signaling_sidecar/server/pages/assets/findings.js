/** The checks that this page makes, and the findings of `sidecar doctor`. */

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
          sentence: `this page (${location.origin}) is not a secure context: camera and microphone are not available, but data channels work`,
          remedy: 'serve it over https, with signaling({ lan: true }) in vite.config.js',
        },
  )
  find(
    'RTCPeerConnection' in window
      ? { code: 'webrtc', level: 'ok', sentence: 'this browser supports WebRTC' }
      : {
          code: 'webrtc',
          level: 'wrong',
          sentence: 'WebRTC is not available in this browser',
          remedy: 'check whether a setting or an extension has switched it off, or try another browser',
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
  if (wrong === 0) return 'No check has failed'
  return wrong === 1 ? '1 check has failed' : `${wrong} checks have failed`
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
