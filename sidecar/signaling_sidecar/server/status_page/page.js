/** What the sidecar says of itself; and the beginning of everything. */

async function ask() {
  $('again').disabled = true
  try {
    const answer = await fetch(`${here}/status`)
    if (!answer.ok) throw new Error(`${answer.status} ${await answer.text()}`)
    showStatus(await answer.json())
    ofPage.delete('status')
  } catch (error) {
    ofPage.set('status', {
      code: 'status',
      level: 'wrong',
      sentence: `the sidecar does not say how it is (${error.message})`,
      remedy: 'in the terminal: sidecar doctor',
    })
  }
  $('again').disabled = false
  hasAnswered = true
  showFindings()
}

function showStatus({ version, dialects, site, findings }) {
  ofSidecar = findings
  $('whose').textContent = `${site ? `of ${site.name}, ` : ''}version ${version}`
  $('lines').replaceChildren(...dialects.map(dialectRow))
  showWhere(site)
}

function dialectRow({ name, about, line }) {
  const row = make('li')
  const box = make('div', '', { className: 'line' })
  const code = make('code')
  code.append(...line.split(/(?=\/ws\/)/).flatMap((part) => [part, make('wbr')]))
  const button = make('button', 'Copy', {
    className: 'quiet',
    ariaLabel: `Copy the line for ${name}`,
  })
  button.onclick = () => copy(code, button)
  box.append(code, button)
  row.append(make('b', name), make('span', ` ${about}`, { className: 'muted small' }), box)
  return row
}

/** Also on a page that is no secure context, which has no clipboard of its own. */
async function copy(code, button) {
  getSelection().selectAllChildren(code)
  if (navigator.clipboard) await navigator.clipboard.writeText(code.textContent)
  else document.execCommand('copy')
  button.textContent = 'Copied'
  setTimeout(() => (button.textContent = 'Copy'), 1500)
}

function showWhere(site) {
  const url = site?.network[0]
  const own = site?.local[0]
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
    const how = make('p', '', { className: 'muted' })
    how.append(
      'No page of this project is on the network. ',
      make('code', 'signaling({ lan: true })'),
      ' in ',
      make('code', 'vite.config.js'),
      ' puts it there, with https.',
    )
    $('where').replaceChildren(...(own ? [link(own)] : []), how)
  }
}

function withoutPicture() {
  const how = make('p', 'for a QR code here: ', { className: 'muted small' })
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
    'Both tabs show how fast the other answers. Close this one when you have seen it.'
  connectInRoom(trial)
} else {
  lookAtThisPage()
  watchRooms()
  offerTrial()
  $('again').onclick = ask
  await ask()
}
