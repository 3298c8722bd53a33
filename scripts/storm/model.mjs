/** What a fault of an endpoint may be called: what the probe sees, at whatever moment it looked last. */
const causesOf = {
  gone: ['interface-missing'],
  down: ['interface-down'],
  address4: ['address-missing'],
  address6: ['address-missing'],
  stopped: ['hung', 'no-reply', 'late'],
  dropped: ['no-reply', 'hung', 'late'],
  key: ['wrong-key', 'no-reply', 'unauthenticated', 'hung'],
  peer: ['peer-missing', 'no-reply', 'unauthenticated'],
}
const impairments = new Set(['command'])

/** What is so on one node, as far as the storm made it so. Plain data. */
export function createModel(manifest) {
  return {
    services: Object.fromEntries(manifest.services.map(({ name }) => [name, { faults: new Set() }])),
    /** `running`, `stopped` (SIGSTOP), `absent` */
    daemon: 'running',
    configBroken: false,
    /** The owned include was changed behind the controller's back, and not seen rewritten since. */
    includeTouched: false,
    /** Names of neighbors whose wire is cut, or whose session was disabled by hand: with BIRD until it is configured. */
    cut: new Set(),
    disabled: new Set(),
    /** `running`, `stopped`, `absent` */
    controller: 'running',
    /** It was started just now, and may not have read yet what is on the disk. */
    isReading: false,
    /** Without a controller: whether all must be withdrawn in the end; else unknown. */
    mustGo: false,
    /** A guard held the leases when it was last looked at, and was left in peace since. */
    guarded: false,
    /** The announcements were changed by hand, and may not be corrected yet. */
    driftAt: Number.NEGATIVE_INFINITY,
    /** What the operator's intent may be now, and on the disk. */
    intents: new Set(['serve']),
    saved: new Set(['serve']),
    diskFull: false,
    socketGone: false,
    clockOffsetMs: 0,
  }
}

/** How many things are wrong. */
export function countFaults(model) {
  let count = model.cut.size + model.disabled.size
  for (const { faults } of Object.values(model.services)) count += faults.size
  if (model.daemon !== 'running') count += 2
  if (model.controller !== 'running') count += 2
  if (model.configBroken) count += 1
  if (model.diskFull) count += 1
  if (!model.intents.has('serve')) count += 2
  return count
}

/** What a service's decision has to be with an intent, and the reasons it may have. */
function expectDecision(service, intent) {
  if (intent === 'withdraw') return { decision: 'withdraw', reasons: ['operator-withdrew'] }
  if (intent === 'drain') return { decision: 'withdraw', reasons: ['drained'] }
  const faults = [...service.faults]
  const deadly = faults.filter((fault) => !impairments.has(fault))
  if (deadly.length > 0) return { decision: 'withdraw', reasons: deadly.flatMap((fault) => causesOf[fault]) }
  if (faults.length > 0) return { decision: 'degrade', reasons: ['command-failed'] }
  return { decision: 'announce', reasons: ['healthy'] }
}

/** What each neighbor must have, as `neighbor prefix` and `neighbor prefix degraded`. */
function expectRows(manifest, decisions, neighbors) {
  const rows = []
  for (const { name, prefixes } of neighbors) {
    for (const prefix of prefixes) {
      const wishes = manifest.services.flatMap((service) =>
        service.prefixes.includes(prefix) ? [decisions[service.name]] : [],
      )
      if (wishes.includes('announce')) rows.push(`${name} ${prefix}`)
      else if (wishes.includes('degrade')) rows.push(`${name} ${prefix} degraded`)
    }
  }
  return rows.sort(byText)
}

/**
 * Where what was seen, what the status says and what the model says are not one; empty: it is quiet.
 *
 * @param seen `status` (null: no answer), `rows` that the neighbors have, `controllerAlive`
 */
export function findMismatches(manifest, model, seen) {
  const mismatches = []
  const expectSame = (what, found, wanted) => {
    const a = found.join(', ')
    const b = wanted.join(', ')
    if (a !== b) mismatches.push(`${what}: ${a || 'nothing'}; instead of ${b || 'nothing'}`)
  }
  const reachable = manifest.neighbors.filter(({ name }) => !model.cut.has(name))
  const names = new Set(reachable.map(({ name }) => name))
  const rows = seen.rows.filter((row) => names.has(row.split(' ')[0]))
  if (model.daemon === 'absent') expectSame('the neighbors have', rows, [])
  if (model.controller !== 'running') {
    if (model.mustGo && model.daemon === 'running') expectSame('the neighbors have', rows, [])
    return mismatches
  }
  if (!seen.controllerAlive) return ['the controller has ended']
  const { status } = seen
  if (status === null) return ['the controller gives no status']
  const intent = status.operator.intent
  if (!model.intents.has(intent)) mismatches.push(`intent ${intent}, not ${[...model.intents].join(' or ')}`)
  const decisions = {}
  for (const said of status.services) {
    const { decision, reasons } = expectDecision(model.services[said.name], intent)
    decisions[said.name] = decision
    // What is off the node because the daemon does not withdraw it stays dead until that does.
    if (status.heldAddresses.length > 0 && said.decision === 'withdraw') continue
    if (said.decision !== decision || !reasons.includes(said.reason)) {
      mismatches.push(
        `${said.name}: ${said.decision} (${said.reason}), not ${decision} (${reasons.join(' or ')})`,
      )
    }
  }
  if (status.guard?.holding !== true) mismatches.push(`no guard holds: ${status.guard?.problem}`)
  const { verified, trouble } = status.daemon
  if (model.daemon !== 'running') {
    const cause = model.daemon === 'absent' ? 'not-running' : 'timeout'
    if (verified || trouble?.cause !== cause) {
      mismatches.push(`daemon ${model.daemon}: verified ${verified}, trouble ${trouble?.cause ?? 'none'}`)
    }
    if (model.daemon === 'absent') expectSame('status says', saidRows(status, names), [])
    return mismatches
  }
  const up = reachable.filter(({ name }) => !model.disabled.has(name))
  const wanted = expectRows(manifest, decisions, up)
  expectSame('status says, and the neighbors have', saidRows(status, names), rows)
  if (model.configBroken && trouble !== null) {
    // BIRD accepts no announcement then. A withdrawal goes through, or its refusal would stay unnoticed.
    const prefixes = new Set(wanted.map((row) => row.split(' ')[1]))
    const lasting = rows.filter((row) => !prefixes.has(row.split(' ')[1]))
    if (verified) mismatches.push('verified, and yet trouble')
    return [...mismatches, ...lasting.filter(() => prefixes.size === 0).map((row) => `still there: ${row}`)]
  }
  expectSame(
    'the neighbors have',
    rows.filter((row) => up.some(({ name }) => name === row.split(' ')[0])),
    wanted,
  )
  if (!verified || trouble !== null)
    mismatches.push(`verified ${verified}, trouble ${trouble?.message ?? 'none'}`)
  if (status.heldAddresses.length > 0)
    mismatches.push(`still off the node: ${status.heldAddresses.join(' ')}`)
  for (const { name, session } of status.neighbors) {
    if (up.some((one) => one.name === name) && session !== 'up')
      mismatches.push(`session ${name} is ${session}`)
  }
  return mismatches
}

function saidRows(status, names) {
  const rows = status.services.flatMap(({ announced }) =>
    announced.map(({ neighbor, prefix, degraded }) => `${neighbor} ${prefix}${degraded ? ' degraded' : ''}`),
  )
  return [...new Set(rows)].filter((row) => names.has(row.split(' ')[0])).sort(byText)
}

const byText = (a, b) => (a < b ? -1 : 1)

/** What is known once it was quiet. */
export function settleModel(model, seen) {
  if (model.controller !== 'running') return
  model.intents = new Set([seen.status.operator.intent])
  model.isReading = false
  model.guarded = true
  if (model.daemon === 'running' && seen.status.daemon.verified) model.driftAt = Number.NEGATIVE_INFINITY
}
