/** Who is in the rooms, and how each pair stands: what `sidecar why` says, asked for while the page is looked at. */

const ASK_EVERY_MS = 2000
const MAX_PAIRS = 12 // of a room; `sidecar why` has them all
const MAX_PEOPLE = 30

let people = new Map()
let peopleText = ''
let peopleHint = ''
let isAsking = false

async function askForPeople() {
  if (isAsking || document.hidden || rooms.length === 0) return
  isAsking = true
  try {
    showPeople(await answerTo('people'))
  } catch (error) {
    showPeople({ rooms: null, problem: `who is in the rooms is not known (${error.message})` })
  }
  isAsking = false
}

/** Only when it is new: a screen reader says what changes here. */
function showPeople(answer) {
  const text = JSON.stringify(answer)
  if (text === peopleText) return
  peopleText = text
  people = new Map((answer.rooms ?? []).map((room) => [room.roomId, room]))
  const elsewhere =
    'Who they are is shown only on the sidecar’s own machine: open this page there, by localhost.'
  peopleHint = answer.problem ?? (answer.rooms ? '' : elsewhere)
  showRooms()
}

function peopleIn(roomId) {
  const room = people.get(roomId)
  if (!room) return []
  const there = make('div', '', { className: 'people' })
  for (const { name, away } of room.people.slice(0, MAX_PEOPLE)) {
    const person = make('span', away ? `${name}, away` : name, { className: 'person' })
    person.dataset.away = away
    there.append(person)
  }
  const left = room.people.length - MAX_PEOPLE
  if (left > 0) there.append(make('span', `and ${left} more`, { className: 'muted small' }))
  return [there, ...pairRows(room.pairs)]
}

/** Those that are not connected, and first what is worst; of those that are, in a large room, how many. */
function pairRows(pairs) {
  const order = ['failed', 'connecting', 'unknown', 'connected']
  const sorted = [...pairs].sort((a, b) => order.indexOf(a.standing) - order.indexOf(b.standing))
  const shown = sorted.slice(0, MAX_PAIRS).map(pairRow)
  const left = sorted.slice(MAX_PAIRS)
  if (left.length > 0) {
    const connected = left.filter(({ standing }) => standing === 'connected').length
    const text = `${left.length} more pairs, ${connected} of them connected; all are in: sidecar why`
    shown.push(make('div', text, { className: 'pair muted' }))
  }
  return shown
}

function pairRow({ names, standing, sentence, nextStep }) {
  const row = make('div', '', { className: 'pair' })
  row.dataset.standing = standing
  row.append(make('span', `${names[0]} and ${names[1]}: ${sentence}`))
  if (nextStep && standing !== 'connecting') row.append(make('span', nextStep, { className: 'remedy' }))
  return row
}
