/** Shows the peers of the listed rooms and the state of each pair, and fetches them while the page is visible. */

const ASK_EVERY_MS = 2000
const MAX_PAIRS = 12 // for each room; `sidecar why` shows all of them
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
    showPeople({ rooms: null, problem: `the peers in the rooms could not be fetched (${error.message})` })
  }
  isAsking = false
}

/** Changes the page only when the answer has changed, because a screen reader reads out each change. */
function showPeople(answer) {
  const text = JSON.stringify(answer)
  if (text === peopleText) return
  peopleText = text
  people = new Map((answer.rooms ?? []).map((room) => [room.roomId, room]))
  const elsewhere =
    'The names of the peers are shown only on the machine of the sidecar: open this page there with localhost.'
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

/** The pairs that are not connected come first. The pairs after the first `MAX_PAIRS` are only counted. */
function pairRows(pairs) {
  const order = ['failed', 'trying', 'unknown', 'connected']
  const sorted = [...pairs].sort((a, b) => order.indexOf(a.state) - order.indexOf(b.state))
  const shown = sorted.slice(0, MAX_PAIRS).map(pairRow)
  const left = sorted.slice(MAX_PAIRS)
  if (left.length > 0) {
    const connected = left.filter(({ state }) => state === 'connected').length
    const text = `${left.length} more pairs, of which ${connected} are connected; to see all pairs, run: sidecar why`
    shown.push(make('div', text, { className: 'pair muted' }))
  }
  return shown
}

function pairRow({ names, state, sentence, nextStep }) {
  const row = make('div', '', { className: 'pair' })
  row.dataset.state = state
  row.append(make('span', `${names[0]} and ${names[1]}: ${sentence}`))
  if (nextStep && state !== 'trying') row.append(make('span', nextStep, { className: 'remedy' }))
  return row
}
