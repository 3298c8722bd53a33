import { type ConfiguredSideCheck, sideChecks } from '../../../manifest/words.ts'
import { count } from '../../../text/count.ts'
import type { Path } from '../../../text/wording.ts'
import type { PlacedService, ServiceDraft } from '../drafts.ts'
import { error, type Finding, warning } from '../finding.ts'
import { checkTwice } from './twice.ts'

type ProbeDraft = NonNullable<ServiceDraft['probe']>
type TargetDraft = NonNullable<NonNullable<NonNullable<ProbeDraft['egress']>['targets']>[number]>

interface PlacedProbe {
  readonly file: string
  readonly path: Path
  readonly probe: ProbeDraft
}

/** Checks the side checks and the hold-down. */
export function checkSideChecks({ file, path, service }: PlacedService): Finding[] {
  const { probe } = service
  if (probe === undefined) return []
  const placed = { file, path: [...path, 'probe'], probe }
  return [
    ...sideChecks.flatMap((check) => [...checkSetUp(placed, check), ...checkPace(placed, check)]),
    ...checkEgress(placed),
    ...checkCommand(placed),
    ...checkHoldDown(placed),
  ]
}

const examples: Partial<Record<ConfiguredSideCheck, string>> = {
  egress: 'egress: { targets: [{ protocol: icmp, address: 198.51.100.53 }] }',
  command: 'command: { argv: [/usr/local/bin/check-upstream] }',
}

function checkSetUp({ file, path, probe }: PlacedProbe, check: ConfiguredSideCheck): Finding[] {
  const { checks } = probe
  if (checks === undefined || checks.includes(undefined)) return []
  const index = checks.indexOf(check)
  const isSetUp = Object.hasOwn(probe, check)
  const example = examples[check]
  if (index !== -1 && !isSetUp && example !== undefined) {
    return [
      error(
        file,
        [...path, 'checks', index],
        `${check} is among the checks, but is not configured`,
        `add ${example} under probe`,
      ),
    ]
  }
  if (index === -1 && isSetUp) {
    return [
      {
        ...warning(
          file,
          [...path, check],
          `${check} is configured, but not among the checks: it does not run`,
          `add ${check} to checks, or remove ${check}`,
        ),
        part: 'key',
      },
    ]
  }
  return []
}

function checkPace({ file, path, probe }: PlacedProbe, check: ConfiguredSideCheck): Finding[] {
  const { interval, timeout } = probe[check] ?? {}
  if (interval === undefined || timeout === undefined || timeout <= interval) return []
  return [
    error(
      file,
      [...path, check, 'timeout'],
      `one ${check} check may take ${timeout} ms, but the next begins after ${interval} ms`,
      'make timeout at most the interval',
    ),
  ]
}

function checkEgress({ file, path, probe }: PlacedProbe): Finding[] {
  const { targets, need } = probe.egress ?? {}
  if (targets === undefined) return []
  const at: Path = [...path, 'egress']
  const findings = targets.flatMap((target, index): Finding[] =>
    target === undefined ? [] : checkTarget(file, [...at, 'targets', index], target, probe),
  )
  const isKnown = targets.every((target) => target?.protocol !== undefined && target.address !== undefined)
  if (isKnown) {
    const names = targets.map((target) => {
      const { protocol, address, port, name } = target ?? {}
      return [`${protocol} to ${address}`, ...(port === undefined ? [] : [`port ${port}`]), name ?? '']
        .join(' ')
        .trim()
    })
    findings.push(...checkTwice(file, [...at, 'targets'], names))
  }
  if (need !== undefined && need > targets.length) {
    findings.push(
      error(
        file,
        [...at, 'need'],
        `requires ${need} answers from ${count(targets.length, 'target')}`,
        `write ${targets.length} or less, or add targets`,
      ),
    )
  }
  return findings
}

function checkTarget(file: string, path: Path, target: TargetDraft, { address: own }: ProbeDraft): Finding[] {
  const { protocol, address } = target
  const [hasPort, hasName] = [Object.hasOwn(target, 'port'), Object.hasOwn(target, 'name')]
  const findings: Finding[] = []
  if (protocol === 'icmp' && hasPort)
    findings.push(
      error(file, [...path, 'port'], 'an icmp target has no port', 'remove it, or write protocol: tcp'),
    )
  if (protocol === 'tcp' && !hasPort)
    findings.push(error(file, path, 'a tcp target needs a port', 'add one, such as port: 443'))
  if (protocol === 'dns' && !hasName)
    findings.push(
      error(file, path, 'a dns target needs a name to query', 'add one, such as name: example.com'),
    )
  if (protocol !== undefined && protocol !== 'dns' && hasName)
    findings.push(
      error(file, [...path, 'name'], 'only a dns target has a name', 'remove it, or write protocol: dns'),
    )
  if (address !== undefined && own !== undefined && address.family !== own.family) {
    findings.push(
      error(
        file,
        [...path, 'address'],
        `${address} cannot be reached from the probe's address ${own}: the families differ`,
        'use a target of the probe’s address family',
      ),
    )
  }
  return findings
}

function checkCommand({ file, path, probe }: PlacedProbe): Finding[] {
  const program = probe.command?.argv?.[0]
  if (program === undefined || program.startsWith('/')) return []
  return [
    error(
      file,
      [...path, 'command', 'argv', 0],
      `${program} is not an absolute path`,
      'there is no shell and no PATH lookup: write one such as /usr/local/bin/check-upstream',
    ),
  ]
}

function checkHoldDown({ file, path, probe }: PlacedProbe): Finding[] {
  const { initial, max } = probe.holdDown ?? {}
  if (initial === undefined || max === undefined || initial <= max) return []
  return [
    error(
      file,
      [...path, 'holdDown'],
      `initial, ${initial / 1000} s, is longer than max, ${max / 1000} s`,
      'make initial at most max',
    ),
  ]
}
