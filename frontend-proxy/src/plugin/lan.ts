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
import { printPhoneUrl } from './printed-urls.ts'
import { servedFolderAround, servedFolders, userFolder } from './state-folder.ts'

/**
 * The path of the CA's certificate, below Vite's base. The certificate is no secret, because every TLS handshake
 * contains it.
 */
const AUTHORITY_FILE = '@signaling/authority.crt'

/** The part of Vite's config that applies: `preview` in `vite preview`, and otherwise `server`. */
export type ConfigPart = 'server' | 'preview'

/**
 * Implements the plugin's `lan` option. The plugin calls each method in Vite's hook of the same name, and calls
 * `configureServer` in the hook `configurePreviewServer` as well.
 */
export class Lan {
  readonly #wantsHttps: boolean
  #certificate: LanCertificate | undefined
  #undo: ((config: ResolvedConfig) => void) | undefined

  constructor(option: Exclude<SignalingOptions['lan'], false | undefined>) {
    this.#wantsHttps = option === true || option.https !== false
  }

  /** Makes Vite listen on the network, unless `server.host` is set or Vite has no server (middleware mode). */
  config({ server, preview }: UserConfig): UserConfig | undefined {
    const isSet = server?.host !== undefined || server?.middlewareMode
    this.#undo = undefined
    if (isSet) return undefined
    this.#undo = (config) => {
      config.server.host = false
      config.preview.host = preview?.host ?? false
    }
    return { server: { host: true } }
  }

  /** Undoes `config`. Must be called instead of the other methods if another instance of the plugin is used. */
  undo(config: ResolvedConfig): void {
    this.#undo?.(config)
  }

  /**
   * Gives the server a certificate unless it has one.
   *
   * Changes the resolved config, because other plugins set their certificate before `configResolved` (mkcert), or
   * replace any certificate in that hook (basic-ssl).
   */
  async configResolved(config: ResolvedConfig, part: ConfigPart): Promise<void> {
    const server: CommonServerOptions = config[part]
    this.#certificate = undefined
    const isNotOurs = part === 'server' && config.server.middlewareMode
    if (!this.#wantsHttps || server.https !== undefined || isNotOurs) return
    const folder = userFolder('cache', process.env)
    if (folder === undefined) {
      throw new Error(
        'there is no home folder for the private key of the certificate; set XDG_CACHE_HOME',
      )
    }
    const served = servedFolderAround(folder, servedFolders(config))
    if (served !== undefined) {
      const why = `the private key's folder ${folder} is inside ${served}, which Vite serves`
      throw new Error(`${why}; set XDG_CACHE_HOME to a folder outside`)
    }
    const certificate = await lanCertificate(folder, ownNames()).catch((error: Error) => {
      // Only errors of the operating system have `syscall`, for example if the home folder is read-only.
      const advice =
        'syscall' in error ? '; set XDG_CACHE_HOME to a folder that can be written' : ''
      throw new Error(`${error.message}${advice}`)
    })
    server.https ??= { key: certificate.key, cert: certificate.cert }
    this.#certificate = certificate
  }

  /** The `.local` name of this machine, if pages can be opened under it. */
  get hosts(): string[] {
    return this.#certificate ? mdnsName() : []
  }

  configureServer(server: ViteDevServer | PreviewServer, options: CommonServerOptions): void {
    const { cert, authority } = this.#certificate ?? {}
    // After `configResolved`, another plugin may have replaced this plugin's certificate.
    const isUsed = authority !== undefined && options.https?.cert === cert
    printPhoneUrl(server, options, isUsed ? serveAuthority(server, authority) : undefined)
  }
}

/** Serves the CA's certificate, so that phones can install it, and returns its path. */
function serveAuthority(
  { config, middlewares }: ViteDevServer | PreviewServer,
  authority: string,
): string {
  const path = `${config.base}${AUTHORITY_FILE}`
  middlewares.use(path, (_request, response) => {
    response.writeHead(200, {
      // For an answer with this Content-Type, iOS and Android offer to install the certificate.
      'Content-Type': 'application/x-x509-ca-cert',
      'Cache-Control': 'no-store',
    })
    response.end(authority)
  })
  return path
}
