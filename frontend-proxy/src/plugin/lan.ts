import type {
  CommonServerOptions,
  PreviewServer,
  ResolvedConfig,
  UserConfig,
  ViteDevServer,
} from 'vite'
import { mdnsName, ownNames } from './lan-addresses.ts'
import { type LanCertificate, lanCertificate } from './lan-certificate.ts'
import type { SignalingOptions } from './options.ts'
import { printForPhones } from './printed-urls.ts'
import { servedFolderAround, servedFolders, userCacheFolder } from './state-folder.ts'

/** Below Vite's base. What is there is public: every TLS handshake shows the same. */
const AUTHORITY_FILE = '@signaling/authority.crt'

/** Where a config describes the server that runs: `vite preview` has its own part. */
export type ConfigPart = 'server' | 'preview'

/** The plugin's `lan` option: a hook for each of Vite's that it needs. */
export class Lan {
  readonly #wantsHttps: boolean
  #certificate: LanCertificate | undefined

  constructor(option: Exclude<SignalingOptions['lan'], false | undefined>) {
    this.#wantsHttps = option === true || option.https !== false
  }

  /** What the config lacks to be on the network. Middleware mode has no server that could be. */
  config({ server }: UserConfig): UserConfig | undefined {
    const isSet = server?.host !== undefined || server?.middlewareMode
    return isSet ? undefined : { server: { host: true } }
  }

  /**
   * Gives the server a certificate unless the config has one.
   *
   * In the resolved config, like the proxy rules. Plugins that bring a certificate of their own set
   * it before this hook (mkcert), or in it and over any other (basic-ssl).
   */
  async configResolved(config: ResolvedConfig, part: ConfigPart): Promise<void> {
    const server: CommonServerOptions = config[part]
    this.#certificate = undefined
    const isNotOurs = part === 'server' && config.server.middlewareMode
    if (!this.#wantsHttps || server.https !== undefined || isNotOurs) return
    const folder = userCacheFolder(process.env)
    if (folder === undefined) {
      throw new Error('there is no home folder to keep its private key in; set XDG_CACHE_HOME')
    }
    const served = servedFolderAround(folder, servedFolders(config))
    if (served !== undefined) {
      const why = `the private key's folder ${folder} is inside ${served}, which Vite serves`
      throw new Error(`${why}; set XDG_CACHE_HOME to one outside`)
    }
    const certificate = await lanCertificate(folder, ownNames())
    server.https ??= { key: certificate.key, cert: certificate.cert }
    this.#certificate = certificate
  }

  /** Names of this machine under which pages are opened, beside its addresses. */
  get hosts(): string[] {
    return this.#certificate ? mdnsName() : []
  }

  configureServer(server: ViteDevServer | PreviewServer, { https }: CommonServerOptions): void {
    const { cert, authority } = this.#certificate ?? {}
    // Another plugin may have put its own over ours meanwhile.
    const isUsed = authority !== undefined && https?.cert === cert
    printForPhones(server, isUsed ? serveAuthority(server, authority) : undefined)
  }
}

/** A phone opens this file to install it. Returns its path. */
function serveAuthority(
  { config, middlewares }: ViteDevServer | PreviewServer,
  authority: string,
): string {
  const path = `${config.base}${AUTHORITY_FILE}`
  middlewares.use(path, (_request, response) => {
    response.writeHead(200, {
      // What iOS and Android know as a certificate to be installed.
      'Content-Type': 'application/x-x509-ca-cert',
      'Cache-Control': 'no-store',
    })
    response.end(authority)
  })
  return path
}
