import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { Negotiation, type NegotiationSignal, parseSignal } from '../../src/browser/negotiation.ts'
import { FakePeerConnection } from './fake-peer-connection.ts'

function side(isPolite: boolean): {
  pc: FakePeerConnection
  sent: NegotiationSignal[]
  negotiation: Negotiation
} {
  const pc = new FakePeerConnection()
  const sent: NegotiationSignal[] = []
  // `FakePeerConnection` has all members of an RTCPeerConnection that a negotiation uses.
  const real = pc as unknown as RTCPeerConnection
  const negotiation = new Negotiation(
    real,
    () => isPolite,
    (frame) => sent.push(frame),
  )
  return { pc, sent, negotiation }
}

const offer = (sdp: string, round?: number): NegotiationSignal => ({ type: 'offer', sdp, round })
const answer = (sdp: string, round?: number): NegotiationSignal => ({ type: 'answer', sdp, round })
const candidate = (text: string): NegotiationSignal => ({
  type: 'candidate',
  candidate: { candidate: text, sdpMid: '0' },
})

it('an offer is answered, and both sides are stable then', async () => {
  const ann = side(false)
  const ben = side(true)
  await ben.negotiation.offer()
  for (const frame of ben.sent.splice(0)) await ann.negotiation.receive(frame)
  for (const frame of ann.sent.splice(0)) await ben.negotiation.receive(frame)
  expect(ben.pc.remoteDescription).toMatchObject({ type: 'answer', sdp: 'answer 1' })
  expect([ann.pc.signalingState, ben.pc.signalingState]).toEqual(['stable', 'stable'])
})

describe('when both sides send an offer at the same time', () => {
  it('the polite side withdraws its offer', async () => {
    const ann = side(false)
    const ben = side(true)
    await Promise.all([ann.negotiation.offer(), ben.negotiation.offer()])
    const [fromAnn, fromBen] = [ann.sent.splice(0), ben.sent.splice(0)]
    for (const frame of fromBen) await ann.negotiation.receive(frame)
    for (const frame of fromAnn) await ben.negotiation.receive(frame)
    for (const frame of ben.sent.splice(0)) await ann.negotiation.receive(frame)
    expect(ben.pc.rollbacks).toBe(1)
    expect(ann.pc.rollbacks).toBe(0)
    expect(ann.pc.remoteDescription?.type).toBe('answer')
    expect([ann.pc.signalingState, ben.pc.signalingState]).toEqual(['stable', 'stable'])
  })

  it('the candidates of the ignored offer are ignored too', async () => {
    const ann = side(false)
    await ann.negotiation.offer()
    await ann.negotiation.receive(offer("ben's"))
    await ann.negotiation.receive(candidate('of the ignored offer'))
    await ann.negotiation.receive(answer("ben's answer"))
    expect(ann.pc.candidates).toEqual([])
  })
})

it('an offer that arrives while an earlier answer is being applied does not collide', async () => {
  const ann = side(false)
  await ann.negotiation.offer()
  const answering = ann.negotiation.receive(answer("ben's answer"))
  const offering = ann.negotiation.receive(offer("ben's next offer"))
  await Promise.all([answering, offering])
  expect(ann.pc.remoteDescription?.sdp).toBe("ben's next offer")
  expect(ann.sent.at(-1)?.type).toBe('answer')
})

it('an offer is answered also if our own is requested while it is being applied', async () => {
  const ann = side(false)
  const receiving = ann.negotiation.receive(offer("ben's", 1))
  await Promise.all([receiving, ann.negotiation.offer()])
  expect(ann.sent).toEqual([answer('answer 1', 1)])
  expect(ann.pc.signalingState).toBe('stable')
})

describe('an offer that got lost', () => {
  beforeEach(() => void vi.useFakeTimers())
  afterEach(() => void vi.useRealTimers())

  it('is sent again after 5 s, and then with doubled delays', async () => {
    const ann = side(false)
    await ann.negotiation.offer()
    const counts: number[] = []
    for (const waitMs of [4_999, 1, 9_999, 1, 20_000]) {
      await vi.advanceTimersByTimeAsync(waitMs)
      counts.push(ann.sent.length)
    }
    expect(counts).toEqual([1, 2, 2, 3, 4])
    expect(new Set(ann.sent.map((frame) => JSON.stringify(frame))).size).toBe(1)
  })

  it('is sent again at once, and only once, when an offer of the polite side collides with it', async () => {
    const [ann, ben] = [side(false), side(true)]
    await ann.negotiation.offer()
    const [lost] = ann.sent.splice(0)
    await ben.negotiation.offer()
    for (const frame of ben.sent.splice(0)) await ann.negotiation.receive(frame)
    expect(ann.sent).toEqual([lost])
    for (const frame of ann.sent.splice(0)) await ben.negotiation.receive(frame)
    expect(ben.sent).toMatchObject([{ type: 'answer' }])
    await ann.negotiation.receive(offer("ben's first", 1))
    expect(ann.sent).toEqual([])
  })

  it('is sent again at once also for the next offer of the polite side, whose answer may have got lost', async () => {
    const ann = side(false)
    await ann.negotiation.offer()
    for (const round of [1, 2, 2]) await ann.negotiation.receive(offer("ben's", round))
    expect(ann.sent).toEqual([1, 2, 3].map(() => offer('offer 1', 1)))
  })

  it('is not sent again after it was answered or the link was closed', async () => {
    const [ann, ben] = [side(false), side(false)]
    await ann.negotiation.offer()
    await ann.negotiation.receive(answer("ben's answer", 1))
    await ben.negotiation.offer()
    ben.negotiation.stop()
    await vi.advanceTimersByTimeAsync(60_000)
    expect([ann.sent.length, ben.sent.length]).toEqual([1, 1])
  })

  it('is answered again with the same answer', async () => {
    const ann = side(false)
    await ann.negotiation.receive(offer("ben's", 1))
    await ann.negotiation.receive(offer("ben's, with more candidates", 1))
    expect(ann.sent).toEqual([answer('answer 1', 1), answer('answer 1', 1)])
    expect(ann.pc.remoteDescription?.sdp).toBe("ben's")
  })

  it('is answered again also while our own offer is pending, which is sent again', async () => {
    const ann = side(true)
    await ann.negotiation.receive(offer("ben's", 1))
    await ann.negotiation.offer()
    await ann.negotiation.receive(offer("ben's", 1))
    expect(ann.sent.slice(-2)).toEqual([answer('answer 1', 1), offer('offer 2', 1)])
    expect(ann.pc.rollbacks).toBe(0)
  })

  it('is not answered again if a later negotiation proves that the answer has arrived', async () => {
    const ann = side(true)
    await ann.negotiation.receive(offer("ben's", 1))
    await ann.negotiation.offer()
    await ann.negotiation.receive(answer("ben's answer", 1))
    ann.sent.length = 0
    await ann.negotiation.receive(offer("ben's", 1))
    expect(ann.sent).toEqual([])
  })

  it('is answered once if it arrives twice while the answer is being prepared', async () => {
    const ann = side(false)
    const frames = [offer("ben's", 1), offer("ben's", 1)]
    await Promise.all(frames.map((frame) => ann.negotiation.receive(frame)))
    expect(ann.sent).toEqual([answer('answer 1', 1)])
  })
})

describe('an unexpected answer', () => {
  it('is ignored if no offer was sent', async () => {
    const ann = side(false)
    await ann.negotiation.receive(answer('stray'))
    expect(ann.pc.remoteDescription).toBeNull()
  })

  it('is ignored if it answers an earlier offer', async () => {
    const ann = side(false)
    await ann.negotiation.offer()
    await ann.negotiation.receive(answer('to the first', 1))
    await ann.negotiation.offer()
    await ann.negotiation.receive(answer('to the first, again', 1))
    expect(ann.pc.signalingState).toBe('have-local-offer')
    await ann.negotiation.receive(answer('to the second', 2))
    expect(ann.pc.remoteDescription?.sdp).toBe('to the second')
  })

  it('is ignored if it is the second answer to one offer', async () => {
    const ann = side(false)
    await ann.negotiation.offer()
    await Promise.all([
      ann.negotiation.receive(answer('first')),
      ann.negotiation.receive(answer('second')),
    ])
    expect(ann.pc.remoteDescription?.sdp).toBe('first')
  })
})

describe('a candidate', () => {
  it('that arrives before the description is kept until then', async () => {
    const ann = side(false)
    await ann.negotiation.receive(candidate('early'))
    expect(ann.pc.candidates).toEqual([])
    await ann.negotiation.receive(offer("ben's"))
    expect(ann.pc.candidates).toEqual([{ candidate: 'early', sdpMid: '0' }])
  })

  it('is dropped after a hundred early ones', async () => {
    const ann = side(false)
    for (let nth = 0; nth < 150; nth += 1) await ann.negotiation.receive(candidate(`${nth}`))
    await ann.negotiation.receive(offer("ben's"))
    expect(ann.pc.candidates).toHaveLength(100)
  })

  it('that the browser rejects is reported', async () => {
    const ann = side(false)
    await ann.negotiation.receive(offer("ben's"))
    await expect(ann.negotiation.receive(candidate('unknown'))).rejects.toThrow('OperationError')
  })
})

describe('a relayed frame', () => {
  it.each([
    ['an offer without sdp', 'offer', {}],
    ['an answer whose sdp is an object', 'answer', { sdp: { type: 'answer' } }],
    ['the end of candidates', 'candidate', { candidate: null }],
    ['a candidate without its line', 'candidate', { candidate: { sdpMid: '0' } }],
    ["an app's own signal", 'signal', { sdp: 'v=0' }],
  ] as const)('is no negotiation: %s', (_, type, payload) => {
    expect(parseSignal({ type, from: 'b', payload })).toBeUndefined()
  })

  it('is parsed without the fields of a candidate that have the wrong type', () => {
    const payload = { candidate: { candidate: 'c', sdpMid: 0, sdpMLineIndex: 1, extra: true } }
    expect(parseSignal({ type: 'candidate', from: 'b', payload })).toEqual({
      type: 'candidate',
      candidate: { candidate: 'c', sdpMid: null, sdpMLineIndex: 1, usernameFragment: null },
    })
  })
})
