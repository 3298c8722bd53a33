import { listPrograms } from '../../../../linux/inspect/programs-running.ts'
import { type Check, type Context, error, type Found, type ServiceWords, warning } from '../../check.ts'

/** One controller for a node: two of them would announce and withdraw against each other. */
export const controller: Check = {
  name: 'controller',
  reads:
    'the controllers that run in this network namespace, and what the one of this node says of its services',
  async examine({ manifest, bundle, askController }) {
    if (manifest === null) return []
    return [...(await findSeveral()), ...(await ask(bundle, askController))]
  },
}

async function findSeveral(): Promise<Found[]> {
  const { programs } = await listPrograms()
  const running = programs.filter(({ argv }) => isController(argv))
  if (running.length < 2) return []
  const words = running.map(({ pid, argv }) => `process ${pid} (${bundleOf(argv) ?? 'no bundle'})`).join(', ')
  const bundles = new Set(running.map(({ argv }) => bundleOf(argv)))
  const message = `${running.length} controllers run on this node: ${words}`
  const cure = 'stop all but one, and look for a second unit or container that starts one'
  return [bundles.size > 1 ? error(message, cure) : warning(message, cure)]
}

async function ask(bundle: string | null, askController: Context['askController']): Promise<Found[]> {
  if (askController === null) return []
  const words = await askController()
  if (words !== null) {
    const { services, failure } = words
    const found = services.flatMap(describe)
    if (failure === null) return [...found, ...services.flatMap(describeAbsence)]
    return [
      ...found,
      error(`the routing daemon does not do what the controller decided: ${failure}`, cureOfAbsence),
    ]
  }
  const start = `anyward controller --bundle ${bundle ?? 'DIR'}`
  return [
    error(
      'no controller runs on this node: nothing announces its services, and nothing withdraws a dead one',
      `after \`anyward apply\`, start it: \`${start}\`, or with the Debian package \`systemctl enable --now anyward-controller\``,
    ),
  ]
}

function describe(service: ServiceWords): Found[] {
  const { name, decision, reason, detail, since, isAnnounced } = service
  if (decision === 'announce' || (decision === 'hold' && isAnnounced)) return []
  const is = { degrade: 'is degraded', withdraw: 'is withdrawn', hold: 'is not announced' }[decision]
  const message = `${name} ${is} since ${since}: ${reason}: ${detail}`
  return [decision === 'degrade' ? warning(message, cureOf(service)) : error(message, cureOf(service))]
}

const cureOfAbsence =
  'fix what else this command finds, such as a session, an include or a filter; `anyward status` has the answer of the daemon'

/** Decided, and at no neighbor: no session is up, for example. */
function describeAbsence({ name, decision, isAnnounced }: ServiceWords): Found[] {
  if (isAnnounced || (decision !== 'announce' && decision !== 'degrade')) return []
  return [error(`${name} is to be announced, and no neighbor has its prefixes`, cureOfAbsence)]
}

function cureOf({ reason, leftMs, cure }: ServiceWords): string {
  if (cure !== null) return cure
  if (['operator-withdrew', 'drained', 'draining'].includes(reason)) {
    return 'to announce it again, run `anyward undrain`, or end the maintenance in the YAML'
  }
  if (leftMs !== null) {
    const seconds = Math.ceil(leftMs / 1000)
    return `if the endpoint stays healthy, it is announced again in ${seconds} s: find in the log of the controller why it failed`
  }
  if (['starting', 'recovering', 'returning'].includes(reason)) return 'wait, then run this again'
  return 'end that cause: the controller announces it again when the endpoint serves'
}

export function isController(argv: readonly string[]): boolean {
  const at = argv.indexOf('controller')
  return at > 0 && /(?:^|\/)(?:anyward|main\.[jt]s)$/.test(argv[at - 1]!)
}

function bundleOf(argv: readonly string[]): string | null {
  const at = argv.indexOf('--bundle')
  return at === -1 ? null : (argv[at + 1] ?? null)
}
