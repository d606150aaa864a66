/**
 * Shows payloads: a click on a row, or Enter, shows the payload of its record below the drawing, a
 * second click or Escape hides it, and the arrow keys move from row to row.
 *
 * The drawing is the element whose `data-signaling-drawing` is the model's `drawing`, and its rows
 * have a `data-seq`. The drawing is plain HTML in the page, so that a saved notebook shows it
 * without a kernel. So this code listens to events of the document and not of a widget view. When
 * `selected` changes, Python sets `payload`.
 */

const KEYS = new Set(['ArrowDown', 'ArrowUp', 'Enter', ' ', 'Escape'])

function initialize({ model }) {
  const ours = `[data-signaling-drawing="${model.get('drawing')}"]`
  const paint = () => {
    for (const drawing of document.querySelectorAll(ours)) paintPayload(drawing, model)
  }
  const select = (seq) => {
    model.set('selected', seq)
    model.save_changes()
    paint() // if `selected` has this value already, as after a page reload, `payload` does not change
  }
  const toggle = (row) => select(isChosen(row) ? null : Number(row.dataset.seq))
  const clicked = ({ target }) => {
    const row = target.closest(`${ours} [data-seq]`)
    if (row) toggle(row)
    else if (target.closest(`${ours} [data-payload] button`)) select(null)
  }
  const pressed = (event) => {
    const drawing = event.target.closest?.(ours)
    if (!drawing || !KEYS.has(event.key) || event.ctrlKey || event.metaKey || event.altKey) return
    event.stopPropagation()
    const row = event.target.closest('[data-seq]')
    const next = nextRow(drawing, row, event)
    if (next) goTo(next)
    else if (row && (event.key === 'Enter' || event.key === ' ')) toggle(row)
    else if (event.key === 'Escape') {
      goTo(chosenIn(drawing))
      select(null)
    } else return // without preventDefault, so that the key scrolls the payload or presses its button
    event.preventDefault()
  }
  // In the capture phase, because JupyterLab handles arrow keys and Enter while they bubble.
  document.addEventListener('keydown', pressed, true)
  document.addEventListener('click', clicked)
  model.on('change:payload', paint)
  return () => {
    document.removeEventListener('keydown', pressed, true)
    document.removeEventListener('click', clicked)
    model.off('change:payload', paint)
  }
}

/**
 * Shows the drawing in a box of widgets. When Python changes the drawing, the selected row, the
 * focus and the scroll position are kept.
 */
function render({ model, el }) {
  el.dataset.signalingDrawing = model.get('drawing')
  const content = el.appendChild(document.createElement('div'))
  const draw = () => {
    const { scrollTop = 0, scrollLeft = 0 } = content.querySelector('[data-rows]') ?? {}
    const focused = content.contains(document.activeElement) ? document.activeElement : null
    content.innerHTML = model.get('html')
    const rows = content.querySelector('[data-rows]')
    if (focused) goTo(rowOf(content, focused.dataset.seq) ?? rows)
    paintPayload(el, model)
    rows?.scrollTo(scrollLeft, scrollTop)
  }
  draw()
  model.on('change:html', draw)
  return () => model.off('change:html', draw)
}

/** Shows the payload below the drawing. Untrusted text must be inserted by `textContent` only. */
function paintPayload(drawing, model) {
  const { seq, title, about, text } = model.get('payload')
  chosenIn(drawing)?.setAttribute('aria-expanded', 'false')
  const row = rowOf(drawing, seq)
  row?.setAttribute('aria-expanded', 'true')
  let pane = drawing.querySelector('[data-payload]')
  if (seq === undefined) {
    pane?.remove()
    return
  }
  pane ??= drawing.appendChild(newPane())
  const isNew = pane.dataset.payload !== String(seq)
  pane.dataset.payload = seq
  write(pane.querySelector('strong'), title)
  write(pane.querySelector('span'), about)
  write(pane.querySelector('pre'), text)
  if (isNew) row?.scrollIntoView({ block: 'nearest', inline: 'nearest' })
}

/** Changes the element only if its text is different, so that a text selection in it is kept. */
function write(element, text) {
  if (element.textContent !== text) element.textContent = text
}

function newPane() {
  const pane = document.createElement('section')
  pane.setAttribute('aria-live', 'polite')
  const head = pane.appendChild(document.createElement('header'))
  for (const tag of ['strong', 'span', 'button']) head.append(document.createElement(tag))
  head.lastChild.append('×')
  head.lastChild.setAttribute('aria-label', 'Close')
  pane.appendChild(document.createElement('pre')).tabIndex = 0
  return pane
}

function nextRow(drawing, row, { key, target }) {
  if (target.closest('[data-payload]')) return null
  const from = row ?? chosenIn(drawing)
  if (key === 'ArrowDown')
    return from ? from.nextElementSibling : drawing.querySelector('[data-seq]')
  return key === 'ArrowUp' ? from?.previousElementSibling : null
}

function goTo(row) {
  row?.setAttribute('role', row.dataset.seq ? 'button' : 'group')
  row?.focus()
}

const isChosen = (row) => row.getAttribute('aria-expanded') === 'true'
const chosenIn = (drawing) => drawing.querySelector('[aria-expanded="true"]')
const rowOf = (drawing, seq) => drawing.querySelector(`[data-seq="${Number(seq)}"]`)

export default { initialize, render }
