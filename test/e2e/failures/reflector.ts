import { readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { BirdClient } from '../../../src/node/routing/bird/client.ts'
import { patience } from '../../patience.ts'
import { type Lab, until } from '../fixtures/lab/lab.ts'
import type { NodeUnderTest } from './node-under-test.ts'

/**
 * The lab's iBGP neighbor `reflector`, which reflects nothing by itself, as the route reflector of the nodes (RFC
 * 4456): of all paths to a prefix it reflects the best one, and not to the node that sent it.
 */
export class Reflector {
  readonly #file: string
  /** The configuration as written by the lab. */
  readonly #config: string
  readonly #sessions: Lab['neighbors'][number]['sessions']
  readonly #client: BirdClient

  constructor(lab: Lab) {
    const { controlSocket, sessions } = lab.neighbors.find(({ name }) => name === 'reflector')!
    this.#file = join(controlSocket, '../bird.conf')
    this.#config = readFileSync(this.#file, 'utf8')
    this.#sessions = sessions
    this.#client = new BirdClient({ socketPath: controlSocket, deadlineMs: patience(10_000) })
  }

  close(): void {
    this.#client.close()
  }

  /** Prefers the path of one node where LOCAL_PREF does not decide. */
  async prefer({ node }: NodeUnderTest): Promise<void> {
    const config = this.#sessions.reduce((text, session) => {
      const med = session.node === node.name ? 0 : 1
      return text.replace(blockOf(session.protocol), (block) =>
        block
          .replace('{', '{ rr client;')
          .replace(/import [^;]*;/, `import filter { bgp_med = ${med}; accept; };`)
          // The routes of the lab's core come from these nodes too, through their racks.
          .replace(/export [^;]*;/, 'export where source = RTS_BGP && bgp_path.len = 0;')
          .replace('next hop self;', ''),
      )
    }, this.#config)
    await writeFile(this.#file, config)
    await this.#client.send('configure')
    const preferred = this.#sessions.find((session) => session.node === node.name)!
    await until(
      `the reflector has the paths of all, and prefers that of ${node.name}`,
      async () => ({
        sessions: (await this.#ask('show protocols')).filter((line) => line.includes('Established')),
        paths: await this.#ask('show route 192.0.2.0/24'),
      }),
      ({ sessions, paths }) =>
        this.#sessions.every(
          ({ protocol }) =>
            sessions.some((line) => line.startsWith(`${protocol} `)) &&
            paths.some((line) => line.includes(`[${protocol} `)),
        ) && paths.some((line) => line.includes(`[${preferred.protocol} `) && line.includes('] * ')),
    )
  }

  async #ask(command: string): Promise<string[]> {
    const { lines } = await this.#client.send(command)
    return lines.map(({ text }) => text)
  }
}

function blockOf(protocol: string): RegExp {
  return new RegExp(`^protocol bgp ${protocol} \\{[^]*?^\\}`, 'm')
}
