import { expect, it } from 'vitest'
import { peersOfPage } from '../../src/browser/slots.ts'
import { client, useFakePage } from './page-scene.ts'

useFakePage()

it('names the rooms that clients of the page are in', () => {
  expect(peersOfPage()).toEqual([])
  const ann = client({ peerId: 'ann' })
  const ben = client({ peerId: 'ben', slot: 'second' })
  expect(peersOfPage()).toEqual([
    { room: 'bar', peerId: 'ann' },
    { room: 'bar', peerId: 'ben' },
  ])
  ann.leave()
  ben.close()
  expect(peersOfPage()).toEqual([])
})
