import { renderUnicodeCompact } from 'uqr'
import { bestFirst, type NetworkUrl } from './lan-addresses.ts'

/** The terminal on which the lines are printed. */
export interface Terminal {
  /** Undefined if the output is not a terminal, for example in CI. */
  readonly columns: number | undefined
  /** Whether 256 colours may be used. */
  readonly isColoured: boolean
}

// Vite lists a host that is set in its config among the network URLs, even if the host works only on this machine.
const ONLY_HERE = /^127\.|(^|\.)localhost$/

const INDENT = '     '
// The margin of the QR code, in modules (the squares of a QR code). The standard requires 4, but scanners accept 2,
// and terminals have few rows.
const QUIET_ZONE = 2

// Some phones cannot read a code in inverted colours, so the colours must not depend on the terminal's theme. A
// theme can change the 16 basic colours, but not the two colours 231 and 16.
const WHITE = '\u001b[38;5;231m'
const ON_BLACK = '\u001b[48;5;16m'
const RESET = '\u001b[0m'

/**
 * Returns the lines with the URL for a phone, and its QR code if the output is a terminal.
 * `authorityPath` is the path of the certificate to install, if there is one. `isOpen` tells whether Vite listens
 * on all addresses of this machine, even if none of them is on a network.
 */
export function phoneLines(
  networkUrls: readonly string[],
  terminal: Terminal,
  authorityPath: string | undefined,
  isOpen = false,
): string[] {
  const [best] = bestFirst(networkUrls.filter((url) => !ONLY_HERE.test(new URL(url).hostname)))
  if (best === undefined) {
    return isOpen
      ? ['none, because this machine is in no network (when it is, restart Vite)']
      : ['none, because Vite does not listen on the network (see server.host)']
  }
  const warnings = authorityPath === undefined ? [] : ['', ...warningsOf(authorityPath)]
  return [described(best), ...qrLines(best.url, terminal), ...warnings]
}

function warningsOf(authorityPath: string): string[] {
  return [
    `${INDENT}The phone warns about the certificate: tap "Advanced", then "Proceed".`,
    `${INDENT}iPhones connect only after you install it from ${authorityPath}.`,
  ]
}

function described({ url, remark }: NetworkUrl): string {
  return remark === undefined ? url : `${url} (${remark} address: a phone may not reach it)`
}

function qrLines(url: string, { columns, isColoured }: Terminal): string[] {
  if (columns === undefined) return []
  const rows = renderUnicodeCompact(url, { border: QUIET_ZONE }).split('\n')
  const width = INDENT.length + (rows[0]?.length ?? 0)
  if (width > columns) return [`${INDENT}(the terminal needs ${width} columns to show the QR code)`]
  // A QR code has an odd number of rows, and each line shows two of them, so the last line has no lower half.
  const last = rows.length - 1
  const coloured = rows.map((row, at) => WHITE + (at < last ? ON_BLACK : '') + row + RESET)
  return ['', ...(isColoured ? coloured : rows).map((row) => INDENT + row)]
}
