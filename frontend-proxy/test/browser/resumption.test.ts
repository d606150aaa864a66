import { describe, expect, it } from 'vitest'
import { Resumption } from '../../src/browser/resumption.ts'

const TICKET = { token: 'one', graceMs: 30_000, durable: true }

describe('frames from the sidecar', () => {
  it('are handled once and in order', () => {
    const resumption = new Resumption(TICKET)
    expect([1, 2, 2, 1, 4, 3].map((s) => resumption.receive(s))).toEqual([
      'next',
      'next',
      'known',
      'known',
      'gap',
      'next',
    ])
    expect(resumption.after).toBe(3)
  })

  it('are acknowledged soon, or at once after sixteen', () => {
    const resumption = new Resumption(TICKET)
    expect(resumption.acknowledgementDue).toBe('no')
    resumption.receive(1)
    expect(resumption.acknowledgementDue).toBe('soon')
    for (let s = 2; s <= 16; s += 1) resumption.receive(s)
    expect(resumption.acknowledgementDue).toBe('now')
    expect(resumption.acknowledge()).toEqual({ a: 16 })
    expect(resumption.acknowledgementDue).toBe('no')
  })

  it('are counted from the number in a list', () => {
    const resumption = new Resumption(TICKET, 7)
    expect(resumption.receive(8)).toBe('next')
    resumption.renew({ ...TICKET, token: 'two' }, 20)
    expect([resumption.token, resumption.after, resumption.receive(21)]).toEqual([
      'two',
      20,
      'next',
    ])
  })
})

describe('frames to the sidecar', () => {
  it('are numbered, and kept until they are acknowledged', () => {
    const resumption = new Resumption(TICKET)
    for (const n of ['a', 'b', 'c']) resumption.keep({ n })
    expect(resumption.last()).toEqual({ n: 'c', c: 3, a: 0 })
    resumption.acknowledged(2)
    expect(resumption.all()).toEqual([{ n: 'c', c: 3, a: 0 }])
    resumption.acknowledged(1)
    resumption.keep({ n: 'd' })
    expect(resumption.all()).toMatchObject([{ c: 3 }, { c: 4 }])
  })

  it('acknowledge the frames that were handled here', () => {
    const resumption = new Resumption(TICKET)
    resumption.receive(1)
    resumption.keep({ n: 'a' })
    expect(resumption.last()).toEqual({ n: 'a', c: 1, a: 1 })
    expect(resumption.acknowledgementDue).toBe('no')
  })

  it('continue the numbers of the page before', () => {
    const resumption = new Resumption(TICKET, 0, 9)
    resumption.keep({ n: 'a' })
    expect(resumption.last()).toMatchObject({ c: 10 })
  })

  it('are refused when too many frames or bytes are kept', () => {
    const many = new Resumption(TICKET)
    for (let n = 0; n < 256; n += 1) expect(many.keep({ n })).toBe(true)
    expect(many.keep({ n: 256 })).toBe(false)
    expect(many.all()).toHaveLength(256)

    const large = new Resumption(TICKET)
    for (let n = 0; n < 16; n += 1) expect(large.keep({ pad: 'p'.repeat(250_000) })).toBe(true)
    expect(large.keep({ pad: 'p'.repeat(250_000) })).toBe(false)
    large.acknowledged(1)
    expect(large.keep({ pad: 'p'.repeat(250_000) })).toBe(true)
    expect(large.last()).toMatchObject({ c: 17 })
  })
})
