import type { IncomingMessage } from 'node:http'
import type { CLIShortcut, ViteDevServer } from 'vite'
import { Inspector, inspectorUrl } from './inspector.ts'
import { logOf } from './log.ts'
import { protocolOf } from './page-host.ts'
import { pageServerOf, pagesBase, urlsOf } from './page-server.ts'
import { printInspectorUrl } from './printed-urls.ts'
import type { SignalingSetup } from './signaling-setup.ts'

/** Adds the inspector to a dev server: to its middlewares, its printed URLs and its shortcuts. */
export function addInspector(server: ViteDevServer, { upstream }: SignalingSetup): Inspector {
  const { config, middlewares } = server
  const inspector = new Inspector(config.base, upstream, (request) => pageUrlOf(server, request))
  middlewares.use((request, response, next) => {
    if (!inspector.handle(request, response)) next()
  })
  if (server.httpServer) {
    printInspectorUrl(server)
    addShortcut(server)
  }
  return inspector
}

function pageUrlOf(server: ViteDevServer, request: IncomingMessage): string | undefined {
  if (server.httpServer || pageServerOf(server.config)) return localUrlOf(server)
  // Vite is in middleware mode, and its config does not name the server that has passed the request on to Vite.
  return `${protocolOf(request)}://localhost:${request.socket.localPort}/`
}

function localUrlOf({ config, resolvedUrls }: ViteDevServer): string | undefined {
  if (resolvedUrls) return resolvedUrls.local[0]
  const server = pageServerOf(config)
  return server && urlsOf(server, pagesBase(config)).local[0]
}

/**
 * Adds the shortcut for the inspector to Vite's own call of `bindCLIShortcuts`. If the plugin called
 * `bindCLIShortcuts` a second time, Vite 7 would read every line of the terminal twice.
 */
function addShortcut(server: ViteDevServer): void {
  const bind = server.bindCLIShortcuts
  server.bindCLIShortcuts = (options) => {
    // If the user has a shortcut with the same key, it comes first in the list, so Vite uses it.
    bind({ ...options, customShortcuts: [...(options?.customShortcuts ?? []), OPEN_INSPECTOR] })
  }
}

const OPEN_INSPECTOR: CLIShortcut<ViteDevServer> = {
  key: 's',
  description: 'open the signaling inspector',
  action(server) {
    const page = localUrlOf(server)
    if (page === undefined) {
      const sentence =
        'the inspector cannot be opened, because Vite does not listen on localhost (see server.host)'
      logOf(server.config).warn(sentence)
      return
    }
    // `openBrowser()` opens the URL in `server.open`, with the browser that the variable BROWSER names.
    const options = server.config.server
    const { open } = options
    options.open = inspectorUrl(page)
    server.openBrowser()
    Object.assign(options, { open })
  },
}
