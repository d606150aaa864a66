/** Shows the status that the sidecar reports, and starts the page. */

/** First fetches the status without the sidecar's checks, which take seconds, and then with their findings. */
async function ask() {
  $('again').disabled = true
  try {
    showStatus(await answerTo('status?brief'))
    const { findings } = await answerTo('status')
    ofSidecar = findings
    ofPage.delete('status')
  } catch (error) {
    ofPage.set('status', {
      code: 'status',
      level: 'wrong',
      sentence: `the sidecar does not report its status (${error.message})`,
      remedy: 'run this in a terminal: sidecar doctor',
    })
  }
  $('again').disabled = false
  hasAnswered = true
  showFindings()
}

/** Throws when there is no answer, or when its status is an error. */
async function answerTo(path) {
  const answer = await fetch(`${here}/${path}`)
  if (!answer.ok) throw new Error(`${answer.status} ${await answer.text()}`)
  return answer.json()
}

function showStatus({ version, dialects, site }) {
  $('whose').textContent = `${site ? `of ${site.name}, ` : ''}version ${version}`
  $('lines').replaceChildren(...dialects.map(dialectRow))
  showWhere(site)
}

function dialectRow({ name, about, line }) {
  const row = make('li')
  const box = make('div', '', { className: 'line' })
  const scroller = make('pre', '', { tabIndex: 0, ariaLabel: `The line for ${name}` })
  const code = make('code', line)
  const button = make('button', 'Copy', {
    className: 'quiet',
    ariaLabel: `Copy the line for ${name}`,
  })
  button.onclick = () => copy(code, button)
  scroller.append(code)
  box.append(scroller, button)
  row.append(make('b', name), make('span', ` ${about}`, { className: 'muted small' }), box)
  return row
}

/** Works also on a page that is not a secure context, where `navigator.clipboard` is missing. */
async function copy(code, button) {
  getSelection().selectAllChildren(code)
  if (navigator.clipboard) await navigator.clipboard.writeText(code.textContent)
  else document.execCommand('copy')
  button.textContent = 'Copied'
  setTimeout(() => (button.textContent = 'Copy'), 1500)
}

function showWhere(site) {
  const url = site?.network[0]
  $('qr').hidden = true
  if (url) {
    Object.assign($('qr'), {
      alt: `QR code of ${url}`,
      onload: () => ($('qr').hidden = false),
      onerror: () => $('where').append(withoutPicture()),
      src: `${here}/qr`,
    })
    $('where').replaceChildren(
      link(url),
      make('p', 'in the same Wi-Fi: scan it, or type it', { className: 'muted small' }),
    )
  } else {
    $('where').replaceChildren(
      make('p', 'No page of this project can be opened on a phone yet. To change that:'),
      way('signaling({ lan: true })', ' in vite.config.js: with https, so that the camera works'),
      way('vite --host', ' with http: data and chat work, the camera does not'),
    )
  }
}

function way(code, what) {
  const line = make('p', '', { className: 'muted small' })
  line.append(make('code', code), what)
  return line
}

function withoutPicture() {
  const how = make('p', 'To see a QR code here, run ', { className: 'muted small' })
  how.append(make('code', "pip install 'signaling-sidecar[lan]'"))
  return how
}

function link(url) {
  return /^https?:/.test(url) ? make('a', url, { href: url }) : make('span', url)
}

const trial = new URLSearchParams(location.search).get('try')
if (/^try-[0-9a-f]{16}$/.test(trial)) {
  for (const part of document.querySelectorAll('[data-whole], #state, #try')) part.hidden = true
  $('try-title').textContent = 'This is the second tab'
  $('try-about').textContent =
    'Both tabs show how fast the other one answers. You can close this tab afterwards.'
  connectInRoom(trial)
} else {
  lookAtThisPage()
  watchRooms()
  setInterval(askForPeople, ASK_EVERY_MS)
  document.addEventListener('visibilitychange', askForPeople)
  offerTrial()
  $('again').onclick = ask
  $('copy-snippet').onclick = () => copy($('snippet'), $('copy-snippet'))
  await ask()
}
