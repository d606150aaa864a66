import { styleText } from 'node:util'
import type { CommonServerOptions, PreviewServer, ViteDevServer } from 'vite'
import { inspectorUrl } from './inspector.ts'
import { listensOnAll } from './page-server.ts'
import { pageUrlsOf } from './page-urls.ts'
import { phoneLines } from './phone-url.ts'
import { SIGNALING_PATH } from './proxy-rule.ts'

const USUAL_COLUMNS = 80

type ListeningServer = ViteDevServer | PreviewServer

/** Prints the URL of the signaling endpoint below Vite's own URLs, each time that Vite prints them. */
export function printSignalingUrl(server: ListeningServer): void {
  printBelow(server, () => {
    const page = server.resolvedUrls?.local[0] ?? server.resolvedUrls?.network[0]
    if (page === undefined) return
    const endpoint = new URL(SIGNALING_PATH, page.replace(/^http/, 'ws')).href
    print(server, 'Signaling', endpoint)
  })
}

/** Prints the URL of the inspector below Vite's own URLs, if one of them is local. */
export function printInspectorUrl(server: ViteDevServer): void {
  printBelow(server, () => {
    const page = server.resolvedUrls?.local[0]
    if (page !== undefined) print(server, 'Inspector', inspectorUrl(page))
  })
}

/** Prints the URL for phones, and its QR code, below Vite's own URLs. */
export function printPhoneUrl(
  server: ListeningServer,
  options: CommonServerOptions,
  authorityPath: string | undefined,
): void {
  printBelow(server, () => {
    const { stdout } = process
    const terminal = {
      // `stdout.columns` is 0 if the size of the terminal is not known.
      columns: stdout.isTTY ? stdout.columns || USUAL_COLUMNS : undefined,
      isColoured: stdout.isTTY && stdout.hasColors(256),
    }
    const { network } = pageUrlsOf(server, options)
    const isOpen = listensOnAll(server.httpServer)
    const [first = '', ...rest] = phoneLines(network, terminal, authorityPath, isOpen)
    print(server, 'Phone', first)
    for (const line of rest) server.config.logger.info(line)
  })
}

function printBelow(server: ListeningServer, printMore: () => void): void {
  const printUrls = server.printUrls
  server.printUrls = () => {
    printUrls()
    printMore()
  }
}

function print({ config }: ListeningServer, name: string, what: string): void {
  config.logger.info(
    `  ${paint('green', '➜')}  ${paint('bold', name)}:${' '.repeat(Math.max(1, 8 - name.length))}${paint('cyan', what)}`,
  )
}

function paint(colour: 'green' | 'bold' | 'cyan', text: string): string {
  // In Node 20, styleText also adds colours when stdout is a pipe or NO_COLOR is set.
  return process.stdout.isTTY && process.stdout.hasColors() ? styleText(colour, text) : text
}
