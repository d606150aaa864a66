import { isIPv4 } from 'node:net'
import type { NetworkInterfaceInfo } from 'node:os'
import { expect, test } from 'vitest'
import { bestFirst, mdnsName, ownNames } from '../../src/plugin/lan-addresses.ts'

/** Returns the network interfaces of a machine with these addresses, as Node.js returns them. */
function machine(addresses: Readonly<Record<string, readonly string[]>>) {
  const entries = Object.entries(addresses).map(([name, list]) => [name, list.map(entryOf)])
  return Object.fromEntries(entries) as Record<string, NetworkInterfaceInfo[]>
}

function entryOf(address: string): Partial<NetworkInterfaceInfo> {
  return { address, family: isIPv4(address) ? 'IPv4' : ('IPv6' as never), internal: false }
}

const LAPTOP = machine({
  lo: ['127.0.0.1', '::1'],
  docker0: ['172.17.0.1'],
  'br-0123456789ab': ['172.18.0.1'],
  tun0: ['10.8.0.6'],
  tailscale0: ['100.101.102.103', 'fd7a:115c:a1e0::1'],
  usb0: ['169.254.7.7'],
  eth0: ['131.159.0.20'],
  wlan0: ['192.168.1.20', 'fd12::20', 'fe80::20'],
})

test('the address of a real network comes before addresses that phones cannot reach', () => {
  const hosts = ['172.17.0.1', '10.8.0.6', '169.254.7.7', '192.168.1.20', '131.159.0.20']
  const urls = [...hosts, '[fd7a:115c:a1e0::1]', '[fd12::20]'].map((host) => `http://${host}:1/`)
  expect(bestFirst(urls, LAPTOP)).toEqual([
    { url: 'http://192.168.1.20:1/', remark: undefined },
    { url: 'http://131.159.0.20:1/', remark: undefined },
    { url: 'http://[fd12::20]:1/', remark: undefined },
    { url: 'http://10.8.0.6:1/', remark: 'VPN' },
    { url: 'http://[fd7a:115c:a1e0::1]:1/', remark: 'VPN' },
    { url: 'http://169.254.7.7:1/', remark: 'link-local' },
    { url: 'http://172.17.0.1:1/', remark: 'virtual' },
  ])
})

test('a bridge of the user, a name and an address on no interface get no remark', () => {
  const urls = ['http://dev.test:1/', 'http://192.168.7.7:1/', 'http://10.0.0.2:1/']
  const remarks = bestFirst(urls, machine({ br0: ['10.0.0.2'] })).map(({ remark }) => remark)
  expect(remarks).toEqual([undefined, undefined, undefined])
})

test("an address in the carriers' range counts as a VPN, whatever the name of its interface", () => {
  const [first] = bestFirst(['http://100.64.0.9:1/'], machine({ utunnel: ['100.64.0.9'] }))
  expect(first?.remark).toBe('VPN')
})

test('a certificate contains loopback, the mDNS name and the addresses that a phone may reach', () => {
  expect(ownNames(LAPTOP, 'Laptop')).toEqual([
    'localhost',
    '127.0.0.1',
    '::1',
    'laptop.local',
    '10.8.0.6',
    '100.101.102.103',
    'fd7a:115c:a1e0::1',
    '131.159.0.20',
    '192.168.1.20',
    'fd12::20',
  ])
})

test.each([
  ['laptop', ['laptop.local']],
  ['Laptop.local', ['laptop.local']],
  ['laptop.corp.example', []],
  ['Karl’s Laptop', []],
  ['localhost', []],
  ['', []],
])('the mDNS name of %j is %j', (host, expected) => {
  expect(mdnsName(host)).toEqual(expected)
})
