import { X509Certificate } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import {
  createSecureContext,
  type SecureContextOptions,
  type TLSSocket,
  type Server as TlsServer,
} from 'node:tls'
import { jsonReply, type Reply, type Route } from '../route.ts'
import { Guesses } from './guesses.ts'
import { ownerOf, readTokens, type Tokens } from './tokens.ts'
import { WatchedFile } from './watched-file.ts'

/** Who may read and order over TCP. Paths of files on this machine. */
export interface AccessSettings {
  /** Lines of `NAME HASH`. `null`: no order is taken. */
  readonly tokensFile: string | null
  /** Of connections from other machines. `null`: they are not encrypted, and no token is accepted there. */
  readonly tls: {
    readonly certFile: string
    readonly keyFile: string
    /** Whose certificates of clients may read without a token; `null`: no one's. */
    readonly clientCaFile: string | null
  } | null
  /** Whether other machines may read without a token: in the lab, whose network is on the machine itself. */
  readonly open: boolean
}

export const noAccess: AccessSettings = { tokensFile: null, tls: null, open: false }

interface AccessOptions {
  readonly settings: AccessSettings
  /** The files have been read, or what is wrong with them has changed; `null`: nothing is. */
  readonly onLook?: (found: { readonly orders: boolean; readonly problem: string | null }) => void
  /** A wrong token. At most some a minute. */
  readonly onWrongToken?: (from: string) => void
}

/** A request may go on: `by` is the name that its token has, where the route asks for one. */
export type Admission = { readonly by: string | null } | { readonly refusal: Reply }

const lookEveryMs = 2000

/** Decides who may send which request over TCP. It reads its files when they change. */
export class Access {
  readonly #options: AccessOptions
  readonly #guesses = new Guesses()
  readonly #files: Readonly<Record<'tokens' | 'cert' | 'key' | 'clientCa', WatchedFile | null>>
  #tokens: Tokens = { tokens: [], problem: null }
  #certificate: X509Certificate | null = null
  #credentials: SecureContextOptions | null = null
  #tlsProblem: string | null = null
  readonly #servers: TlsServer[] = []
  #said = ''
  #timer: NodeJS.Timeout | null = null

  constructor(options: AccessOptions) {
    this.#options = options
    const { tokensFile, tls } = options.settings
    const watch = (path: string | null | undefined, isSecret: boolean) =>
      path == null ? null : new WatchedFile(path, { isSecret })
    this.#files = {
      tokens: watch(tokensFile, true),
      cert: watch(tls?.certFile, false),
      key: watch(tls?.keyFile, true),
      clientCa: watch(tls?.clientCaFile, false),
    }
  }

  /** Whether orders are taken with a token. */
  get takesOrders(): boolean {
    return this.#tokens.tokens.length > 0
  }

  get hasTls(): boolean {
    return this.#options.settings.tls !== null
  }

  get asksClient(): boolean {
    return this.#files.clientCa !== null
  }

  /** Gives the server its certificate, and each later one. */
  serve(server: TlsServer): void {
    this.#servers.push(server)
    if (this.#credentials !== null) server.setSecureContext(this.#credentials)
  }

  /** Reads the files, now and whenever they change. Never rejects. */
  async start(): Promise<void> {
    await this.#look()
    const { tokensFile, tls } = this.#options.settings
    if (tokensFile === null && tls === null) return
    const again = () => {
      this.#timer = setTimeout(() => void this.#look().then(again), lookEveryMs).unref()
    }
    again()
  }

  stop(): void {
    if (this.#timer !== null) clearTimeout(this.#timer)
  }

  /** Whether the certificate of this server is for that name. */
  isCertified(host: string): boolean {
    return this.#certificate?.checkHost(host) !== undefined
  }

  admit({ socket, headers }: IncomingMessage, { access }: Pick<Route, 'access'>): Admission {
    const { settings } = this.#options
    const isLocal = isLocalSocket(socket)
    if (access === 'stranger') return { by: null }
    if (access === 'anyone' && (isLocal || settings.open)) return { by: null }
    const isSecure = isSecureSocket(socket)
    if (access === 'anyone' && isSecure && socket.authorized) return { by: null }
    if (access === 'named' && settings.tokensFile === null)
      return refuse(403, `no order is taken here, because there is no controller.tokensFile. ${onTheNode}`)
    if (!isLocal && !isSecure) {
      const cure = 'connect through ssh, or over TLS (controller.tls)'
      return refuse(
        401,
        `other machines read /healthz and /metrics here, and no token is taken without TLS: ${cure}`,
      )
    }
    const token = /^Bearer ([\w.~+/-]{1,200}=*)$/i.exec(headers.authorization ?? '')?.[1]
    if (token === undefined)
      return refuse(401, `this needs a token: \`anyward token NAME\` on the node makes one`)
    return this.#recognize(token, isLocal, socket)
  }

  #recognize(token: string, isLocal: boolean, socket: Socket): Admission {
    const now = performance.now()
    if (!this.#guesses.isAllowed(isLocal, now))
      return refuse(429, `there were too many wrong tokens: wait some seconds. ${onTheNode}`)
    if (!this.takesOrders)
      return refuse(403, 'the file of tokens cannot be used: `anyward status` on the node says why')
    const by = ownerOf(token, this.#tokens.tokens)
    if (by !== null) return { by }
    this.#guesses.spend(isLocal, now)
    this.#options.onWrongToken?.(socket.remoteAddress ?? 'this machine')
    return refuse(401, 'this token is not known here: `anyward token NAME` on the node makes one')
  }

  async #look(): Promise<void> {
    const { tokens, cert, key, clientCa } = this.#files
    if (await tokens?.look()) {
      this.#tokens =
        tokens!.text === null ? { tokens: [], problem: tokens!.problem } : readTokens(tokens!.text)
      if (tokens!.text !== null && this.#tokens.problem !== null) {
        const problem = `${this.#options.settings.tokensFile}: ${this.#tokens.problem}`
        this.#tokens = { ...this.#tokens, problem }
      }
    }
    const looked = await Promise.all([cert, key, clientCa].map(async (file) => (await file?.look()) ?? false))
    if (looked.includes(true)) this.#takeCredentials()
    const problem = this.#tokens.problem ?? this.#tlsProblem
    const found = { orders: this.takesOrders, problem }
    if (JSON.stringify(found) === this.#said) return
    this.#said = JSON.stringify(found)
    this.#options.onLook?.(found)
  }

  /** Keeps those before where the new ones cannot be used: a renewal may have written the first of two files. */
  #takeCredentials(): void {
    const { cert, key, clientCa } = this.#files
    this.#tlsProblem =
      [cert, key, clientCa].map((file) => file?.problem ?? null).find((one) => one !== null) ?? null
    if (this.#tlsProblem !== null) return
    try {
      const certificate = new X509Certificate(cert!.text!)
      // Without one, every authority that Node knows would do.
      if (clientCa !== null) new X509Certificate(clientCa.text!)
      const credentials = { cert: cert!.text!, key: key!.text!, ...(clientCa && { ca: clientCa.text! }) }
      createSecureContext(credentials)
      this.#credentials = credentials
      this.#certificate = certificate
      for (const server of this.#servers) server.setSecureContext(credentials)
    } catch (error) {
      const { certFile, keyFile } = this.#options.settings.tls!
      this.#tlsProblem = `${certFile} and ${keyFile} cannot be used for TLS (${(error as NodeJS.ErrnoException).code ?? 'no certificate'})`
    }
  }
}

const onTheNode = 'On the node: `anyward drain`, `anyward undrain`'

function refuse(code: number, error: string): { readonly refusal: Reply } {
  return { refusal: jsonReply(code, { error }) }
}

function isSecureSocket(socket: Socket): socket is TLSSocket {
  return 'encrypted' in socket
}

/** Whether both ends are on this machine. A Unix socket has no addresses. */
export function isLocalSocket({ localAddress, remoteAddress }: Socket): boolean {
  if (localAddress === undefined && remoteAddress === undefined) return true
  return isLoopback(localAddress) && isLoopback(remoteAddress)
}

function isLoopback(address = ''): boolean {
  return address === '::1' || /^(?:::ffff:)?127\./.test(address)
}
