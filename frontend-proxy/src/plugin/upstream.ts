/** The sidecar behind the proxy. `url` is read at every request, because a restart changes the port. */
export interface Upstream {
  readonly url: string | undefined
  /** The value of the proof header. It replaces a value that the client may have sent. */
  readonly secret: string
  /** Tells the sidecar who uses this Vite. It is added to requests that have no Authorization. */
  readonly token?: string | undefined
  /**
   * Whether the sidecar runs on another machine. It then gets its own name as the Host, because a web
   * server in front of it may have several names, and no cookies, because they belong to the app.
   */
  readonly isRemote?: boolean
  /**
   * Returns why a page under this host gets no answer. It exists if the sidecar cannot check the host
   * itself, because it does not get it.
   */
  hostRefusal?(host: string): string | undefined
  /** Resolves when the sidecar listens or its start has failed. Undefined if it is not being started. */
  starting(): Promise<void> | undefined
  /** Why there is no `url`, if it is known: a sentence that has also been printed in the terminal. */
  readonly problem: string | undefined
  /** Reads the token for the admin's requests, which is a new one after each start or reload. */
  adminToken(): Promise<string | undefined>
  /** Is called when nobody has answered at `url`, or there is no `url`. */
  unreachable(): void
  /** Is called when the sidecar has refused a request, with the reason that it has given. */
  refused?(status: number, reason: string): void
  /** Is called when the handshake of a WebSocket was answered with a page or an error instead. */
  noWebSocket?(status: number, path: string): void
  /** Is called for a proxy error that does not mean that the sidecar is not running. */
  failed(error: Error): void
}
