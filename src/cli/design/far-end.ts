import { compileForDebian } from '../../plan/compile/compile-plan.ts'
import { type FarEndItem, farEndOf } from '../../plan/compile/far-end.ts'
import type { NodePlan, SessionPlan } from '../../plan/compile/plan.ts'
import { requireFleet } from '../../plan/sites/load.ts'
import { quote } from '../../text/wording.ts'
import { CommandError } from '../failure.ts'
import { notThere } from './not-there.ts'

interface FarEnd {
  readonly node: NodePlan
  readonly session: SessionPlan
  readonly items: readonly FarEndItem[]
}

/** Prints what the operator of a neighbor has to configure, for each session with a neighbor of that name. Writes nothing. */
export async function printFarEnd(
  name: string,
  { sites, json }: { sites: string; json?: true },
): Promise<void> {
  const fleet = await requireFleet(sites)
  // The lists name no route of an IRR set, so no feed is read.
  const { nodes } = compileForDebian(fleet)
  const all = nodes.flatMap((node) => node.sessions.map((session) => ({ node, session })))
  const asked = all.filter(({ node, session }) =>
    [session.neighbor, `${node.node}/${session.neighbor}`].includes(name),
  )
  if (asked.length === 0) {
    const known = new Set(all.map(({ session }) => session.neighbor))
    throw notThere(`no node has a neighbor ${quote(name)}`, name, [...known])
  }
  // Names are unique on a node only, and one operator is not to read about another.
  if (new Set(asked.map(({ session }) => session.asn)).size > 1) {
    const places = asked.map(({ node, session }) => `${node.node}/${name} is AS${session.asn}`)
    throw new CommandError(`${quote(name)} is the name of different neighbors: ${places.join(', ')}`, {
      hint: `name one of them, such as ${asked[0]!.node.node}/${name}`,
    })
  }
  const ends = asked.map(({ node, session }) => ({ node, session, items: farEndOf(node, session) }))
  process.stdout.write(json ? `${JSON.stringify(toJson(name, ends), null, 2)}\n` : `${describe(ends)}\n`)
}

function toJson(neighbor: string, ends: readonly FarEnd[]) {
  return {
    neighbor,
    sessions: ends.map(({ node, session, items }) => ({
      site: node.site,
      node: node.node,
      asn: session.asn,
      address: session.address,
      localAddress: session.localAddress,
      items,
    })),
  }
}

function describe(ends: readonly FarEnd[]): string {
  return ends
    .map(({ node, session, items }) => {
      const list = (need: FarEndItem['need']) =>
        items.filter((item) => item.need === need).map(({ text }) => `  - ${text}`)
      return [
        `For the operator of ${session.neighbor}, AS${session.asn}: the session with ${node.node} at ${node.site}`,
        'required, or the session does not come up:',
        ...list('required'),
        'recommended:',
        ...list('recommended'),
      ].join('\n')
    })
    .join('\n\n')
}
