/**
 * Makes the rows of a drawing answer: a click or Enter shows the payload of a row's record below the
 * drawing, Escape or a second click puts it away, arrows go from row to row.
 *
 * A drawing is what has our `data-signaling-drawing`, a row what has a `data-seq`. It is in the page as
 * plain HTML, so that a saved notebook shows it without a kernel; so this listens to the page, not to a
 * view. Python answers a change of `selected` with a change of `payload`.
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
    paint() // after a reload of the page it may have been selected already
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
    } else return // scrolls the payload, presses its button
    event.preventDefault()
  }
  // While it comes down: on its way up JupyterLab takes arrows and Enter for its cells.
  document.addEventListener('keydown', pressed, true)
  document.addEventListener('click', clicked)
  model.on('change:payload', paint)
  return () => {
    document.removeEventListener('keydown', pressed, true)
    document.removeEventListener('click', clicked)
    model.off('change:payload', paint)
  }
}

/** In a box of widgets, where Python changes the drawing: what is chosen, focused and scrolled to stays. */
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

/** What others wrote comes in by `textContent` only. */
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

/** What somebody has marked in it, to copy it, stays marked. */
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
