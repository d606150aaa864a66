import { describe, expect, it } from 'vitest'
import { pageName } from '../../src/browser/trace-report.ts'

describe('the name of a page in its reports', () => {
  it('is its title and its path', () => {
    expect(pageName(' Chess  club ', '/play/board')).toEqual({
      title: 'Chess club',
      path: '/play/board',
    })
  })

  it('has no title if the page has none', () => {
    expect(pageName('', '/')).toEqual({ path: '/' })
    expect(pageName('  ', '')).toEqual({})
  })

  it('contains nothing that looks like a key or a code', () => {
    expect(pageName('Room x7Kq2p9', '/join/ABC234/eyJhbGciOiJIUzI1NiJ9')).toEqual({
      title: 'Room …',
      path: '/join/…/…',
    })
    expect(pageName('Pair', '/pair/QWERTY')).toEqual({ title: 'Pair', path: '/pair/…' })
    expect(pageName('Vue 3', '/v2/chat')).toEqual({ title: 'Vue 3', path: '/v2/chat' })
  })

  it('is cut to a maximum length', () => {
    const { title, path } = pageName('x'.repeat(500), `/${'y'.repeat(500)}`)
    expect([title?.length, path?.length]).toEqual([80, 80])
  })
})
