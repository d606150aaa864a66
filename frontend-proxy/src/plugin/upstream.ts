/** The sidecar behind the proxy. `url` is read at every request, because a restart may change the port. */
export interface Upstream {
  readonly url: string | undefined
  /** The value of the header `PROXY_HEADER`. The proxy overwrites a value that the client may have sent. */
  readonly secret: string
  /** The plugin's option `token`. The proxy adds this token to requests that have none. */
  readonly token?: string | undefined
  /**
   * Whether the sidecar runs on another machine. The proxy then sends the host of `url` as the Host, because a web
   * server in front of the sidecar may serve several names. It sends no cookies, because they belong to the app.
   */
  readonly isRemote?: boolean
  /**
   * Returns why requests for this host are refused. This check is needed if the sidecar runs on another machine,
   * because that sidecar does not get the Host that the browser has sent.
   */
  hostRefusal?(host: string): string | undefined
  /**
   * Returns a promise that resolves when the sidecar listens or its start has failed. Returns undefined if no
   * start is in progress.
   */
  starting(): Promise<void> | undefined
  /**
   * Must be called before a request is sent to `url`. If the request has to wait, returns a promise that resolves when
   * it is known whether the right sidecar still listens at `url`.
   */
  confirmed?(): Promise<void> | undefined
  /** Why there is no `url`, if it is known: a sentence that has also been printed in the terminal. */
  readonly problem: string | undefined
  /** Reads the token for the admin API, which changes at each start and each reload of the sidecar. */
  adminToken(): Promise<string | undefined>
  /** Is called when nobody has answered at `url`, or there is no `url`. */
  unreachable(): void
  /** Is called when the sidecar, or a server in front of it, has answered. */
  answered?(): void
  /** Is called when the sidecar has refused a request, with the reason that it has given. */
  refused?(status: number, reason: string): void
  /** Is called when the handshake of a WebSocket was answered with a status other than 101, 401, 403 and 429. */
  noWebSocket?(status: number, path: string): void
  /** Is called for a proxy error that can occur although the sidecar is running. */
  failed(error: Error): void
}
