import { BlockList, isIP } from 'node:net'
import { hostname, networkInterfaces } from 'node:os'

/** Why a phone in the same Wi-Fi probably cannot reach an address. `bestFirst` sorts the URLs in this order. */
type Remark = (typeof REMARKS)[number]

const REMARKS = ['VPN', 'link-local', 'virtual'] as const

export interface NetworkUrl {
  readonly url: string
  /** Undefined if a phone can probably reach the address. */
  readonly remark: Remark | undefined
}

export type Interfaces = ReturnType<typeof networkInterfaces>

// The sidecar has the same patterns (addresses.py). The patterns must not match `br0` and `br-lan`, which are often
// bridges to a physical network.
const VIRTUAL =
  /^(docker|podman|veth|virbr|vmnet|vboxnet|lxcbr|lxdbr|incusbr|cni|flannel|cali|kube|br-[0-9a-f]{12}$|bridge1\d\d|awdl|llw|anpi|vethernet|.*(hyper-v|virtualbox|vmware))/i
const VPN =
  /^((u?tun|tap|wg|ppp|ipsec|tailscale|zt|ham|nordlynx|proton|cscotun|gpd)[\d_-]|tailscale|nordlynx|.*(vpn|wireguard|zerotier))/i

const VPN_RANGES = new BlockList()
VPN_RANGES.addSubnet('100.64.0.0', 10, 'ipv4') // RFC 6598 (carriers), also used by Tailscale
VPN_RANGES.addSubnet('fd7a:115c:a1e0::', 48, 'ipv6') // used by Tailscale
const LINK_LOCAL_RANGES = new BlockList()
LINK_LOCAL_RANGES.addSubnet('169.254.0.0', 16, 'ipv4')
LINK_LOCAL_RANGES.addSubnet('fe80::', 10, 'ipv6')

/** Sorts Vite's network URLs. The URLs that a phone can most probably reach come first. */
export function bestFirst(
  urls: readonly string[],
  interfaces: Interfaces = networkInterfaces(),
): NetworkUrl[] {
  const remarked = urls.map((url) => ({ url, remark: remarkOn(hostOf(url), interfaces) }))
  const rank = ({ remark }: NetworkUrl) => (remark === undefined ? -1 : REMARKS.indexOf(remark))
  return remarked.sort((a, b) => rank(a) - rank(b))
}

/** Returns the names and addresses that a certificate for pages on the LAN has to contain. */
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

/** Returns a list with this machine's mDNS name, such as `laptop.local`, or an empty list if the name is not valid. */
export function mdnsName(host: string = hostname()): string[] {
  const label = host.replace(/\.local$/i, '').toLowerCase()
  return /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/.test(label) && label !== 'localhost'
    ? [`${label}.local`]
    : []
}

function remarkOn(address: string, interfaces: Interfaces): Remark | undefined {
  const name = Object.keys(interfaces).find((key) =>
    interfaces[key]?.some((entry) => entry.address === address),
  )
  if (name !== undefined && VIRTUAL.test(name)) return 'virtual'
  if ((name !== undefined && VPN.test(name)) || isIn(VPN_RANGES, address)) return 'VPN'
  return isIn(LINK_LOCAL_RANGES, address) ? 'link-local' : undefined
}

function isIn(ranges: BlockList, address: string): boolean {
  const version = isIP(address)
  return version !== 0 && ranges.check(address, version === 6 ? 'ipv6' : 'ipv4')
}

/** Returns the host name or the address in a URL, without the brackets of an IPv6 address. */
export function hostOf(url: string): string {
  return new URL(url).hostname.replace(/^\[|\]$/g, '')
}
