import { styleText } from 'node:util'
import type { ViteDevServer } from 'vite'
import { SIGNALING_PATH } from './proxy-rule.ts'

/** Prints the endpoint below Vite's own URLs, whenever Vite prints them. */
export function printEndpoint(server: ViteDevServer): void {
  const printUrls = server.printUrls
  server.printUrls = () => {
    printUrls()
    const page = server.resolvedUrls?.local[0] ?? server.resolvedUrls?.network[0]
    if (page === undefined) return
    const endpoint = new URL(SIGNALING_PATH, page.replace(/^http/, 'ws')).href
    server.config.logger.info(
      `  ${paint('green', '➜')}  ${paint('bold', 'Signaling')}: ${paint('cyan', endpoint)}`,
    )
  }
}

function paint(colour: 'green' | 'bold' | 'cyan', text: string): string {
  // Node 20's styleText colours a pipe too; hasColors() also honours NO_COLOR.
  return process.stdout.isTTY && process.stdout.hasColors() ? styleText(colour, text) : text
}
