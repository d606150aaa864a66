/** The actions of the admin in a room. */

import { ask, askText, roomPath } from './api.js'
import { askBack, field } from './ask_back.js'
import { counted } from './elements.js'
import { filters, pairText } from './place.js'

const act = ({ dialect, room }, verb, body = {}) =>
  ask(`rooms/${roomPath(dialect, room)}/${verb}`, { method: verb === 'rules' ? 'PUT' : 'POST', body })

export function kick(room, { peer, label }) {
  askBack({
    title: `Kick ${label}?`,
    about: `${label} is removed from the room, and the id “${peer}” cannot join it again for a minute.`,
    yes: `Kick ${label}`,
    danger: true,
    act: () => act(room, 'kick', { peer }),
    done: `${label} has been kicked.`,
  })
}

export function close(room) {
  askBack({
    title: `Close the room ${room.name ?? room.room}?`,
    about: `${counted(room.peers, 'peer')} will be removed. A page that joins again opens a new room.`,
    yes: 'Close the room',
    danger: true,
    act: () => act(room, 'close'),
    done: 'The room has been closed.',
  })
}

export function say(room) {
  const text = { tag: 'textarea', rows: 3, required: true, maxLength: 4096 }
  askBack({
    title: `Say something in ${room.name ?? room.room}`,
    about: `The text is sent as a notice to ${counted(room.peers, 'peer')}.`,
    fields: [field('Text', 'text', text)],
    yes: `Send to ${counted(room.peers, 'peer')}`,
    act: ({ text }) => act(room, 'say', { text: text.value }),
    done: 'The notice has been sent.',
  })
}

export function rules(room) {
  const { capacity, listed, grace_s, host } = room.rules ?? {}
  const placeholder = 'default'
  const number = { type: 'number', placeholder }
  const choice = (text, value) => new Option(text, value, false, listed === value)
  const choices = [choice(placeholder, ''), choice('listed', true), choice('hidden', false)]
  askBack({
    title: `Rules of the room ${room.name ?? room.room}`,
    about:
      'Nobody is removed from the room. An empty field means what the protocol, or the first peer in the room, has set.' +
      ' A maximum number of peers has an effect only if it is lower than that.',
    fields: [
      field('Maximum number of peers', 'capacity', { ...number, min: 1, step: 1, value: capacity ?? '' }),
      field('In the list of rooms', 'listed', { tag: 'select' }, ...choices),
      field('Seconds that a lost peer is kept', 'grace_s', { ...number, min: 0, step: 'any', value: grace_s ?? '' }),
      field('Id of the host', 'host', { placeholder, value: host ?? '' }),
    ],
    yes: 'Set these rules',
    act: (form) => act(room, 'rules', wantedRules(form)),
    done: 'The rules have been set.',
  })
}

const wantedRules = (form) =>
  Object.fromEntries([...form].filter(({ value }) => value).map(({ name, value }) => [name, valueOf(name, value)]))

const valueOf = (name, value) => (name === 'host' ? value : name === 'listed' ? value === 'true' : Number(value))

/** Copies the room as Markdown for an issue. Returns a sentence that says whether that worked. */
export async function copyMarkdown({ dialect, room, pair }) {
  const query = filters({ pair: pairText(pair) })
  try {
    await navigator.clipboard.writeText(await askText(`inspector/rooms/${roomPath(dialect, room)}/markdown?${query}`))
    return 'Copied as Markdown.'
  } catch (error) {
    return `That was not copied: ${error.message}`
  }
}
