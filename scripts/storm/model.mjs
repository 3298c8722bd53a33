/** The possible reasons of an endpoint's fault: they depend on the time of the last probe. */
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

/** The expected state of one node, as plain data. */
export function createModel(manifest) {
  return {
    services: Object.fromEntries(manifest.services.map(({ name }) => [name, { faults: new Set() }])),
    /** `running`, `stopped` (SIGSTOP), `absent` */
    daemon: 'running',
    configBroken: false,
    /** The owned include was changed without the controller, and was not seen rewritten since. */
    includeTouched: false,
    /** Names of neighbors with a cut link or a session that was disabled manually, with BIRD until `configure`. */
    cut: new Set(),
    disabled: new Set(),
    /** `running`, `stopped`, `absent` */
    controller: 'running',
    /** It has just started, and may not have read its files yet. */
    isReading: false,
    /** Without a controller: whether all prefixes must be withdrawn eventually; otherwise unknown. */
    mustGo: false,
    /** A guard held the leases at the last check, and no fault affected it since. */
    guarded: false,
    /** The announcements were changed manually, and may not be corrected yet. */
    driftAt: Number.NEGATIVE_INFINITY,
    /** The possible intents of the operator, in effect and on the disk. */
    intents: new Set(['serve']),
    saved: new Set(['serve']),
    diskFull: false,
    socketGone: false,
    clockOffsetMs: 0,
  }
}

/** The number of faults. */
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

/** The expected decision of a service for an intent, and its possible reasons. */
function expectDecision(service, intent) {
  if (intent === 'withdraw') return { decision: 'withdraw', reasons: ['operator-withdrew'] }
  if (intent === 'drain') return { decision: 'withdraw', reasons: ['drained'] }
  const faults = [...service.faults]
  const deadly = faults.filter((fault) => !impairments.has(fault))
  if (deadly.length > 0) return { decision: 'withdraw', reasons: deadly.flatMap((fault) => causesOf[fault]) }
  if (faults.length > 0) return { decision: 'degrade', reasons: ['command-failed'] }
  return { decision: 'announce', reasons: ['healthy'] }
}

/** The expected routes of each neighbor, as `neighbor prefix` and `neighbor prefix degraded`. */
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
 * The differences between observation, status and model; empty: a quiet point.
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
  if (status === null) return ['the controller returns no status']
  const intent = status.operator.intent
  if (!model.intents.has(intent)) mismatches.push(`intent ${intent}, not ${[...model.intents].join(' or ')}`)
  const decisions = {}
  for (const said of status.services) {
    const { decision, reasons } = expectDecision(model.services[said.name], intent)
    decisions[said.name] = decision
    // Addresses that were removed because the daemon does not withdraw stay off until it does.
    if (status.heldAddresses.length > 0 && said.decision === 'withdraw') continue
    if (said.decision !== decision || !reasons.includes(said.reason)) {
      mismatches.push(
        `${said.name}: ${said.decision} (${said.reason}), not ${decision} (${reasons.join(' or ')})`,
      )
    }
  }
  if (status.guard?.holding !== true) mismatches.push(`no guard holds: ${status.guard?.problem}`)
  const { verified } = status.daemon
  const error = status.daemon.trouble
  if (model.daemon !== 'running') {
    const cause = model.daemon === 'absent' ? 'not-running' : 'timeout'
    if (verified || error?.cause !== cause) {
      mismatches.push(`daemon ${model.daemon}: verified ${verified}, error ${error?.cause ?? 'none'}`)
    }
    if (model.daemon === 'absent') expectSame('status says', saidRows(status, names), [])
    return mismatches
  }
  const up = reachable.filter(({ name }) => !model.disabled.has(name))
  const wanted = expectRows(manifest, decisions, up)
  expectSame('status says, and the neighbors have', saidRows(status, names), rows)
  if (model.configBroken && error !== null) {
    // BIRD then accepts no announcement. A withdrawal must succeed.
    const prefixes = new Set(wanted.map((row) => row.split(' ')[1]))
    const lasting = rows.filter((row) => !prefixes.has(row.split(' ')[1]))
    if (verified) mismatches.push('verified despite an error')
    return [...mismatches, ...lasting.filter(() => prefixes.size === 0).map((row) => `still there: ${row}`)]
  }
  expectSame(
    'the neighbors have',
    rows.filter((row) => up.some(({ name }) => name === row.split(' ')[0])),
    wanted,
  )
  if (!verified || error !== null) mismatches.push(`verified ${verified}, error ${error?.message ?? 'none'}`)
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

/** Updates the model after a quiet point. */
export function settleModel(model, seen) {
  if (model.controller !== 'running') return
  model.intents = new Set([seen.status.operator.intent])
  model.isReading = false
  model.guarded = true
  if (model.daemon === 'running' && seen.status.daemon.verified) model.driftAt = Number.NEGATIVE_INFINITY
}
