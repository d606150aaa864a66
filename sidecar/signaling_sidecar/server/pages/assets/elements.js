const here = location.pathname.replace(/\/$/, '') // under Vite's base, too
const endpoint = location.origin.replace(/^http/, 'ws') + here
const isIos =
  /iPhone|iPad|iPod/.test(navigator.userAgent) ||
  (/Mac/.test(navigator.platform) && navigator.maxTouchPoints > 1)
const $ = (id) => document.getElementById(id)

/** An element with this text, which is never read as HTML: names of rooms are what strangers typed. */
function make(tag, text = '', properties = {}) {
  return Object.assign(document.createElement(tag), { textContent: text }, properties)
}

function setState(element, state, text) {
  element.hidden = false
  element.dataset.state = state
  element.textContent = text
}
