import { describe, expect, it } from 'vitest'
import { observe } from '../../src/browser/observe.ts'
import { pageName, type TraceReport } from '../../src/browser/trace-report.ts'

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

describe('the message of an error in a report', () => {
  it('contains no address', async () => {
    const lines = [
      ['1 1 udp 1 192.168.7.7 notaport typ host', '1 1 udp 1 … notaport typ host'],
      ['c=IN IP6 2001:db8::7.', 'c=IN IP6 ….'],
      ['o=- 1 2 IN IP6 ::1', 'o=- 1 2 IN IP6 …'],
      ['1 1 udp 1 fe80::1c2b:3:4 9 typ host', '1 1 udp 1 … 9 typ host'],
    ]
    for (const [line = '', reported] of lines) expect(await reportedFor(line)).toBe(reported)
  })

  it('is otherwise unchanged', async () => {
    const messages = ['Called in wrong state: stable', 'rtc::Socket failed', 'm=video 9 UDP/TLS']
    for (const message of messages) expect(await reportedFor(message)).toBe(message)
  })
})

/** Returns the message in the report about an RTCPeerConnection that refuses a description. */
async function reportedFor(message: string): Promise<string | undefined> {
  class Refusing extends EventTarget {
    readonly connectionState = 'new'
    getConfiguration = () => ({})
    getSenders = () => []
    setRemoteDescription = async () => Promise.reject(new Error(message))
    close(): void {}
  }
  const pc = new Refusing() as unknown as RTCPeerConnection
  const reports: TraceReport[] = []
  observe(pc, (report) => reports.push(report))
  await expect(pc.setRemoteDescription({ type: 'offer', sdp: '' })).rejects.toThrow(message)
  return reports.find(({ event }) => event === 'error')?.message
}
