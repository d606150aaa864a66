import { BlockList, isIP } from 'node:net'
import { hostname, networkInterfaces } from 'node:os'

/** Why a phone in the same Wi-Fi most likely cannot reach an address. */
export type Remark = 'VPN' | 'virtual' | 'link-local'

export interface NetworkUrl {
  readonly url: string
  /** Undefined: an address of a real network. */
  readonly remark: Remark | undefined
}

export type Interfaces = ReturnType<typeof networkInterfaces>

// Names that Docker, libvirt, LXD, Kubernetes, VirtualBox, VMware, macOS, Hyper-V and WSL give.
const VIRTUAL =
  /^(docker|br-[0-9a-f]{12}$|veth|virbr|vnet\d|lxc|lxdbr|podman|cni|flannel|cali|vboxnet|vmnet|vmenet|bridge\d|vEthernet)|VirtualBox|VMware|Hyper-V/i
const VPN = /^(tun|tap|utun|wg|ppp|ipsec|tailscale|zt|nordlynx)|VPN|WireGuard|Tailscale|ZeroTier/i

const RANGES = {
  private: [
    ['10.0.0.0', 8],
    ['172.16.0.0', 12],
    ['192.168.0.0', 16],
  ],
  linkLocal: [['169.254.0.0', 16]],
  carrier: [['100.64.0.0', 10]], // RFC 6598; on a laptop it is Tailscale's
} as const

/** Vite's network URLs, that of a real network first: a phone will be in it. */
export function bestFirst(
  urls: readonly string[],
  interfaces: Interfaces = networkInterfaces(),
): NetworkUrl[] {
  const remarked = urls.map((url) => {
    const address = new URL(url).hostname
    const remark = remarkOn(address, interfaces)
    return { url, remark, rank: rankOf(address, remark) }
  })
  return remarked.sort((a, b) => a.rank - b.rank).map(({ url, remark }) => ({ url, remark }))
}

/** What a certificate for pages on the LAN has to name. */
export function ownNames(
  interfaces: Interfaces = networkInterfaces(),
  host: string = hostname(),
): string[] {
  const addresses = Object.values(interfaces).flatMap((entries) =>
    (entries ?? []).map(({ address }) => address),
  )
  const named = addresses.filter((address) => {
    const remark = remarkOn(address, interfaces)
    return remark === undefined || remark === 'VPN'
  })
  return [...new Set(['localhost', '127.0.0.1', '::1', ...mdnsName(host), ...named])]
}

/** `laptop.local`: how a machine is called by those who ask with mDNS; none for a name DNS forbids. */
export function mdnsName(host: string = hostname()): string[] {
  const label = host.replace(/\.local$/i, '').toLowerCase()
  return /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/.test(label) && label !== 'localhost'
    ? [`${label}.local`]
    : []
}

function remarkOn(address: string, interfaces: Interfaces): Remark | undefined {
  if (/^fe80:/i.test(address) || isIn(address, 'linkLocal')) return 'link-local'
  const name = Object.keys(interfaces).find((key) =>
    interfaces[key]?.some((entry) => entry.address === address),
  )
  if (name !== undefined && VIRTUAL.test(name)) return 'virtual'
  if ((name !== undefined && VPN.test(name)) || isIn(address, 'carrier')) return 'VPN'
  return undefined
}

function rankOf(address: string, remark: Remark | undefined): number {
  if (remark === undefined) return isIP(address) === 4 && !isIn(address, 'private') ? 1 : 0
  return { VPN: 2, virtual: 3, 'link-local': 4 }[remark]
}

function isIn(address: string, name: keyof typeof RANGES): boolean {
  const list = new BlockList()
  for (const [net, prefix] of RANGES[name]) list.addSubnet(net, prefix)
  return isIP(address) === 4 && list.check(address)
}
