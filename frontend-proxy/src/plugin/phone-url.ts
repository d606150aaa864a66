import { renderUnicodeCompact } from 'uqr'
import { bestFirst, type NetworkUrl } from './lan-addresses.ts'

/** What the lines are printed on. */
export interface Terminal {
  /** Undefined: not a terminal, such as a CI log. */
  readonly columns: number | undefined
  /** Whether it knows 256 colours and may use them. */
  readonly isColoured: boolean
}

const INDENT = '     '
const QUIET_ZONE = 2 // modules; the standard says 4, but scanners take 2 and terminals are low

// White on black, whatever the terminal's theme: a code that is printed the other way round is not
// read by every phone. The 16 basic colours are the theme's own, these two are not.
const WHITE = '\u001b[38;5;231m'
const ON_BLACK = '\u001b[48;5;16m'
const RESET = '\u001b[0m'

/**
 * For somebody with a phone in his hand: the URL, and in a terminal its QR code. `authorityPath` is
 * where a certificate of our own can be fetched.
 */
export function phoneLines(
  networkUrls: readonly string[],
  terminal: Terminal,
  authorityPath: string | undefined,
): string[] {
  const [best] = bestFirst(networkUrls)
  if (best === undefined) return ['none, as Vite is not on the network (see server.host)']
  const warnings = authorityPath === undefined ? [] : ['', ...warningsOf(authorityPath)]
  return [described(best), ...qrLines(best.url, terminal), ...warnings]
}

function warningsOf(authorityPath: string): string[] {
  return [
    `${INDENT}The phone warns of a self-made certificate: "Advanced", then "Proceed".`,
    `${INDENT}iPhones connect only once it is installed, from ${authorityPath}.`,
  ]
}

function described({ url, remark }: NetworkUrl): string {
  return remark === undefined ? url : `${url} (${remark} address: a phone may not reach it)`
}

function qrLines(url: string, { columns, isColoured }: Terminal): string[] {
  if (columns === undefined) return []
  const rows = renderUnicodeCompact(url, { border: QUIET_ZONE }).split('\n')
  const width = INDENT.length + (rows[0]?.length ?? 0)
  if (width > columns) return [`${INDENT}(a terminal of ${width} columns would show its QR code)`]
  // The size of a code is odd, so below the last row is nothing: it is not black there.
  const last = rows.length - 1
  const coloured = rows.map((row, at) => WHITE + (at < last ? ON_BLACK : '') + row + RESET)
  return ['', ...(isColoured ? coloured : rows).map((row) => INDENT + row)]
}
