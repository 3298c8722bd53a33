import { once } from 'node:events'
import { createServer, type Server, type Socket } from 'node:net'

/** `refuses`: this query is answered with an error, as by a server that has lost a source. */
export interface IrrdContent {
  readonly sets: Readonly<Record<string, readonly string[]>>
  readonly routes: Readonly<Record<string, readonly string[]>>
  readonly refuses?: readonly string[]
}

/** The part of IRRd's whois protocol that bgpq4 uses: `!!`, `!n`, `!s`, `!i`, `!g`, `!6`; `!a` is not supported. */
export class Irrd {
  content: IrrdContent = { sets: {}, routes: {} }
  /** Accepts queries and answers none. */
  isSilent = false
  readonly #server: Server
  readonly #sockets = new Set<Socket>()

  private constructor() {
    this.#server = createServer((socket) => {
      this.#sockets.add(socket)
      socket.on('close', () => this.#sockets.delete(socket))
      socket.on('error', () => {})
      let received = ''
      socket.on('data', (bytes) => {
        received += bytes.toString('latin1')
        const queries = received.split('\n')
        received = queries.pop()!
        if (!this.isSilent) for (const query of queries) socket.write(this.#answer(query.trim()))
      })
    })
  }

  static async start(): Promise<Irrd> {
    const irrd = new Irrd()
    irrd.#server.listen(0, '127.0.0.1')
    await once(irrd.#server, 'listening')
    return irrd
  }

  /** The argument of `bgpq4 -h`. */
  get server(): string {
    const { port } = this.#server.address() as { port: number }
    return `127.0.0.1:${port}`
  }

  get connections(): number {
    return this.#sockets.size
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    this.#server.close()
    await once(this.#server, 'close')
  }

  #answer(query: string): string {
    if (this.content.refuses?.includes(query)) return 'F the database is not here\n'
    if (query === '!!') return ''
    if (query === '!q') return ''
    if (query === '!s-lc') return data('FIRST,SECOND')
    if (query.startsWith('!n') || query.startsWith('!s')) return 'C\n'
    if (query.startsWith('!a')) return 'F unknown command\n'
    const members = /^!i([^,]+)(,1)?$/.exec(query)
    if (members) {
      const name = members[1]!.toUpperCase()
      const expanded = members[2] === undefined ? this.content.sets[name] : this.#expand(name)
      return expanded === undefined ? 'D\n' : data(expanded.join(' '))
    }
    const routes = /^!([g6])as(\d+)$/.exec(query)
    if (routes) {
      const all = this.content.routes[`AS${routes[2]}`] ?? []
      const wanted = all.filter((prefix) => prefix.includes(':') === (routes[1] === '6'))
      return wanted.length === 0 ? 'D\n' : data(wanted.join(' '))
    }
    return 'F unknown command\n'
  }

  #expand(name: string, seen = new Set<string>()): string[] | undefined {
    const members = this.content.sets[name]
    if (members === undefined || seen.has(name)) return members === undefined ? undefined : []
    seen.add(name)
    return members.flatMap((member) => (member in this.content.sets ? this.#expand(member, seen)! : [member]))
  }
}

function data(text: string): string {
  return `A${text.length + 1}\n${text}\nC\n`
}
