const here = location.pathname.replace(/\/$/, '') // includes the `base` of Vite
const endpoint = location.origin.replace(/^http/, 'ws') + here
const isIos =
  /iPhone|iPad|iPod/.test(navigator.userAgent) ||
  (/Mac/.test(navigator.platform) && navigator.maxTouchPoints > 1)
const $ = (id) => document.getElementById(id)

/** Makes an element with this text. The text is never parsed as HTML, because strangers choose the names of rooms. */
function make(tag, text = '', properties = {}) {
  return Object.assign(document.createElement(tag), { textContent: text }, properties)
}

function setState(element, state, text) {
  element.hidden = false
  element.dataset.state = state
  element.textContent = text
}
