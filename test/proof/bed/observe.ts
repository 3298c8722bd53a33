import { instanceMark } from '../../../src/manifest/announcements.ts'
import type { Family } from '../../../src/net/prefix.ts'
import { BirdClient } from '../../../src/node/routing/bird/client.ts'
import { showBgp } from '../../../src/node/routing/frr/commands.ts'
import { Vty } from '../../../src/node/routing/frr/vty.ts'
import { until } from '../../e2e/fixtures/routing/until.ts'
import { patience } from '../../patience.ts'
import type { Speaker } from '../bgp/speaker.ts'
import type { AsPath } from '../bgp/wire.ts'

/** A route as a daemon has it after its import filter. */
export interface ObservedRoute {
  readonly prefix: string
  readonly asPath: AsPath
  /** BIRD shows only the start of a path of hundreds of numbers. */
  readonly isPathCut: boolean
  readonly nextHop: string
  /** Where packets go. */
  readonly gateway: string
  readonly origin: string
  readonly med: number | null
  readonly localPref: number
  readonly communities: readonly string[]
  readonly otc: number | null
}

export interface ObservedSession {
  readonly address: string
  /** As bgpd names it. */
  readonly peer: string
  /** The session's protocol in BIRD. */
  readonly symbol: string
  readonly speaker: Speaker
}

export interface Observer {
  /** Waits until the daemon has processed everything that the speaker has sent. */
  settle(session: ObservedSession): Promise<void>
  /** The routes accepted from that neighbor, by prefix. */
  accepted(session: ObservedSession, family: Family): Promise<Map<string, ObservedRoute>>
  /** The number of VRPs of the daemon. */
  countVrps(): Promise<number>
  close(): void
}

const deadlineMs = patience(20_000)

export function observeBird(socketPath: string): Observer {
  const client = new BirdClient({ socketPath, deadlineMs })
  return {
    settle: ({ speaker }) => speaker.refresh(),
    accepted: async ({ symbol }, family) => {
      // An unnumbered session runs in an instance of its protocol.
      const running = (await client.send('show protocols')).lines.map(({ text }) => text.split(/\s+/))
      const [name] = running.find(
        ([one, , , state]) => state === 'up' && (one === symbol || one!.startsWith(symbol + instanceMark)),
      )!
      const reply = await client.send(`show route all table master${family.slice(3)} protocol ${name}`)
      return readBirdRoutes(reply.lines.map(({ text }) => text))
    },
    countVrps: async () => {
      const reply = await client.send('show route count')
      const counts = reply.lines.map(({ text }) => /^(\d+) of \d+ routes .* in table \S*roa/.exec(text)?.[1])
      return counts.reduce((sum, count) => sum + Number(count ?? 0), 0)
    },
    close: () => client.close(),
  }
}

/** The lines of `show route all`: a line that starts with a prefix, and its attributes below it. */
function readBirdRoutes(lines: readonly string[]): Map<string, ObservedRoute> {
  const blocks: { prefix: string; attributes: Map<string, string> }[] = []
  for (const line of lines) {
    const prefix = /^(\S+\/\d+)\s/.exec(line)?.[1]
    if (prefix !== undefined) blocks.push({ prefix, attributes: new Map() })
    const via = /^\s+via (\S+) on /.exec(line)?.[1]
    if (via !== undefined) blocks.at(-1)!.attributes.set('via', via)
    // BIRD 2 prints BGP.as_path, and BIRD 3 bgp_path.
    const [, name, value] = /^\s+(?:BGP\.|bgp_)(\w+): ?(.*)$/.exec(line) ?? []
    if (name !== undefined) blocks.at(-1)!.attributes.set(name === 'path' ? 'as_path' : name, value!)
  }
  return new Map(
    blocks.map(({ prefix, attributes }) => {
      const get = (name: string) => attributes.get(name)
      const number = (name: string) => (get(name) === undefined ? null : Number(get(name)))
      return [
        prefix,
        {
          prefix,
          asPath: readPathText((get('as_path') ?? '').replace(/\d*\.\.\.$/, '')),
          isPathCut: get('as_path')!.endsWith('...'),
          nextHop: get('next_hop')!,
          gateway: get('via')!,
          origin: get('origin')!.toLowerCase(),
          med: number('med'),
          // BIRD drops a LOCAL_PREF received over eBGP and shows none, which counts as 100.
          localPref: number('local_pref') ?? 100,
          communities: [
            ...`${get('community')} ${get('large_community')} ${get('ext_community')}`.matchAll(
              /\(([\w, ]+)\)/g,
            ),
          ]
            .map((match) => match[1]!.replaceAll(/,\s*/g, ':'))
            .sort(),
          otc: number('otc'),
        },
      ]
    }),
  )
}

/** @param vrf of all neighbors */
export function observeFrr(socketPath: string, vrf: string): Observer {
  const vty = new Vty({ socketPath, deadlineMs })
  const ask = async (command: string) => JSON.parse((await vty.send(command)).text)
  return {
    settle: async ({ address, peer, speaker }) => {
      await until(
        `bgpd has read what ${address} said`,
        async () => {
          speaker.assertUp()
          const answer: Record<string, FrrNeighbor> = await ask(showBgp(vrf, `neighbors ${peer} json`))
          const read = answer[peer]!.messageStats.updatesRecv
          return read >= speaker.updatesSent ? null : `${read} of ${speaker.updatesSent} UPDATEs`
        },
        { withinMs: deadlineMs },
      )
    },
    accepted: async ({ address, peer: name }, family) => {
      const command = showBgp(vrf, `${family} unicast neighbors ${name} routes json`)
      const list = async (): Promise<Record<string, readonly { readonly valid?: boolean }[]>> =>
        (await ask(command)).routes ?? {}
      // zebra reports later to bgpd that a next hop is on the link; here every next hop is.
      const pending = async () =>
        Object.entries(await list()).find(([, paths]) => paths.some(({ valid }) => valid !== true))
      await until('bgpd knows all next hops', async () => (await pending())?.[0] ?? null)
      const routes = await list()
      const accepted = new Map<string, ObservedRoute>()
      for (const prefix of Object.keys(routes)) {
        const { paths = [] }: { paths?: readonly FrrPath[] } = await ask(
          showBgp(vrf, `${family} unicast ${prefix} json`),
        )
        // A route that has just been refused stays in the list until bgpd has processed its queue.
        const path = paths.find(({ peer, removed }) => peer.peerId === address && removed !== true)
        if (path !== undefined) accepted.set(prefix, readFrrPath(prefix, path))
      }
      return accepted
    },
    countVrps: async () => {
      const { text } = await vty.send('show rpki prefix-table')
      return text.split('\n').filter((line) => /^[\da-f.:]+ +\d+ +- +\d+ /.test(line)).length
    },
    close: () => vty.close(),
  }
}

interface FrrNeighbor {
  readonly messageStats: { readonly updatesRecv: number }
}

interface FrrPath {
  readonly removed?: boolean
  readonly aspath: { readonly string: string }
  readonly origin: string
  readonly metric?: number
  readonly locPrf?: number
  readonly otc?: number
  readonly community?: { readonly list: readonly string[] }
  readonly extendedCommunity?: { readonly string: string }
  readonly largeCommunity?: { readonly list: readonly string[] }
  readonly nexthops: readonly { readonly ip: string; readonly scope?: string; readonly used?: boolean }[]
  readonly peer: { readonly peerId: string }
}

/** The origins by FRR's names. */
const namedCommunities: Readonly<Record<string, string>> = {
  gracefulShutdown: '65535:0',
  internet: '0:0',
  acceptown: '65535:1',
  llgrStale: '65535:6',
  noLlgr: '65535:7',
  blackhole: '65535:666',
  noExport: '65535:65281',
  noAdvertise: '65535:65282',
  localAs: '65535:65283',
  noPeer: '65535:65284',
}

function readFrrPath(prefix: string, path: FrrPath): ObservedRoute {
  const communities = [
    ...(path.community?.list ?? []),
    ...(path.largeCommunity?.list ?? []),
    ...(path.extendedCommunity?.string.toLowerCase().replaceAll('soo:', 'ro:').split(' ') ?? []),
  ]
  return {
    prefix,
    asPath: readPathText(path.aspath.string),
    isPathCut: false,
    nextHop: path.nexthops.map(({ ip }) => ip).join(' '),
    gateway: path.nexthops.find(({ used }) => used === true)?.ip ?? '',
    origin: path.origin.toLowerCase(),
    med: path.metric ?? null,
    localPref: path.locPrf ?? 100,
    communities: communities.map((text) => namedCommunities[text] ?? text).sort(),
    otc: path.otc ?? null,
  }
}

/** `64601 70000 {5 6}` or `{5,6}`; `Local` and nothing are the empty path. */
function readPathText(text: string): AsPath {
  return [...text.matchAll(/\{([\d, ]+)\}|(\d+)/g)].map(([, set, asn]) =>
    set === undefined ? Number(asn) : set.split(/[ ,]+/).map(Number),
  )
}
