/** Shows a dialog that asks before an action changes a room. */

import { $, announce, button, make } from './elements.js'

/**
 * Shows the dialog, and calls `act` with the elements of the form if the answer is yes. If `act` throws, the dialog
 * stays open and shows the error. Otherwise, `done` is announced.
 */
export function askBack({ title, about, fields = [], yes, act, done, danger = false }) {
  const dialog = $('dialog')
  const problem = make('p', { className: 'problem', role: 'alert', hidden: true })
  const confirm = make('button', { type: 'submit', className: danger ? 'primary danger' : 'primary' }, yes)
  const form = make(
    'form',
    { method: 'dialog' },
    make('h2', { id: 'dialog-title' }, title),
    about && make('p', {}, about),
    ...fields,
    problem,
    make('div', { className: 'buttons' }, button('Cancel', () => dialog.close()), confirm),
  )
  form.onsubmit = async (event) => {
    event.preventDefault()
    confirm.disabled = true
    try {
      await act(form.elements)
      dialog.close()
      if (done) announce(done)
    } catch (error) {
      Object.assign(problem, { hidden: false, textContent: `That was not done: ${error.message}` })
    }
    confirm.disabled = false
  }
  dialog.replaceChildren(form)
  dialog.showModal()
}

export function field(label, name, { tag = 'input', ...properties } = {}, ...options) {
  const input = make(tag, { name, id: `field-${name}`, ...properties }, ...options)
  return make('p', { className: 'field' }, make('label', { htmlFor: input.id }, label), input)
}
