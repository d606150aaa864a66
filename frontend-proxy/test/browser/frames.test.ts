import { describe, expect, it } from 'vitest'
import { parseFrame } from '../../src/browser/parse-frame.ts'

const alone = { joinedAt: undefined, name: undefined, metadata: undefined, instance: undefined }

describe('data that is not a known frame', () => {
  it.each([
    ['binary data', new ArrayBuffer(2)],
    ['text that is not JSON', '{"type":'],
    ['an array', '[{"type":"rooms","rooms":[]}]'],
    ['null', 'null'],
    ['a string', '"peer_list"'],
    ['an object without a type', '{"peers":[]}'],
    ['a type that is not text', '{"type":["peer_list"],"peers":[]}'],
    ['a type from a later version', '{"type":"peer_waved","peerId":"a"}'],
    ['a type that every object inherits', '{"type":"constructor"}'],
    ['a list without peers', '{"type":"peer_list"}'],
    ['a list whose peers are no list', '{"type":"peer_list","peers":{"length":1}}'],
    ['a joined peer without an id', '{"type":"peer_joined","name":"x"}'],
    ['a left peer whose id is a number', '{"type":"peer_left","peerId":7}'],
    ['an update of nobody', '{"type":"peer_updated","away":true}'],
    ['rooms that are no list', '{"type":"rooms","rooms":"bar"}'],
    ['an error without a code', '{"type":"error","message":"no"}'],
    ['a relay without a sender', '{"type":"offer","sdp":"v=0"}'],
  ])('is ignored: %s', (_, data) => {
    expect(parseFrame(data)).toBeUndefined()
  })
})

describe('peer_list', () => {
  it('may have only the fields of the original protocol', () => {
    const data = '{"type":"peer_list","peers":[{"peerId":"abc","joinedAt":1735171200000}]}'
    expect(parseFrame(data)).toEqual({
      type: 'peer_list',
      roomId: undefined,
      peerId: undefined,
      joinedAt: undefined,
      peers: [{ ...alone, peerId: 'abc', joinedAt: 1735171200000, away: false }],
      iceServers: undefined,
    })
  })

  it('is parsed without the invalid peers, in the same order', () => {
    const peers = [{ peerId: 'b' }, null, { peerId: 5 }, 'x', { peerId: 'a', away: true }]
    const frame = parseFrame(JSON.stringify({ type: 'peer_list', peers }))
    expect(frame).toMatchObject({ peers: [{ peerId: 'b' }, { peerId: 'a', away: true }] })
  })

  it('is parsed without the fields of a peer that have the wrong type', () => {
    const peer = { peerId: 'a', joinedAt: '1', name: 3, metadata: [], instance: null, away: 'yes' }
    const frame = parseFrame(JSON.stringify({ type: 'peer_list', peers: [peer] }))
    expect(frame).toMatchObject({ peers: [{ ...alone, peerId: 'a', away: false }] })
  })

  it('is parsed with only those ICE servers that a browser accepts', () => {
    const iceServers = [
      { urls: 'stun:s.test' },
      { urls: ['turn:t.test', 4], username: 'u', credential: 'c', extra: 1 },
      { url: 'stun:old.test' },
      7,
    ]
    const frame = parseFrame(JSON.stringify({ type: 'peer_list', peers: [], iceServers }))
    expect(frame).toMatchObject({
      iceServers: [
        { urls: 'stun:s.test' },
        { urls: ['turn:t.test'], username: 'u', credential: 'c' },
      ],
    })
  })
})

it('peer_updated contains only the fields that have changed', () => {
  const data = '{"type":"peer_updated","peerId":"a","away":false,"name":7}'
  expect(parseFrame(data)).toEqual({
    type: 'peer_updated',
    peerId: 'a',
    changes: { away: false },
  })
})

it('rooms is parsed without the invalid rooms', () => {
  const rooms = [{ roomId: 'bar', peers: 2, createdAt: 5 }, { roomId: 'x', peers: '2' }, {}]
  expect(parseFrame(JSON.stringify({ type: 'rooms', rooms }))).toEqual({
    type: 'rooms',
    rooms: [{ roomId: 'bar', name: undefined, peers: 2, capacity: undefined, createdAt: 5 }],
  })
})

it('a relayed frame has the fields of its sender in its payload', () => {
  const data = '{"type":"signal","from":"a","to":"b","wave":{"hand":"left"}}'
  expect(parseFrame(data)).toEqual({
    type: 'signal',
    from: 'a',
    payload: { wave: { hand: 'left' } },
  })
})

it('an error without a message has its code as the message', () => {
  expect(parseFrame('{"type":"error","code":"room-full","ref":"j1"}')).toEqual({
    type: 'error',
    code: 'room-full',
    message: 'room-full',
    ref: 'j1',
  })
})
