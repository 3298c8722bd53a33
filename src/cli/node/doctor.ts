import { existsSync } from 'node:fs'
import type { Finding } from '../../node/doctor/check.ts'
import { examineNode } from '../../node/service/doctor-node.ts'
import { defaultBundle } from '../commands/options.ts'
import { exitCode } from '../failure.ts'
import { locateBundle, type NodeOptions } from '../locate-bundle.ts'

export interface DoctorOptions extends NodeOptions {
  readonly name?: string
}

/** For each check: a hung program must not hang the others. */
const timeoutMs = 20_000

export async function runDoctor(options: DoctorOptions): Promise<void> {
  const bundle = await locateBundle(options)
  const findings = await examineNode({
    bundle: bundle ?? (existsSync(defaultBundle) ? defaultBundle : null),
    clientName: options.name ?? null,
    timeoutMs,
  })
  const ok = findings.every(({ severity }) => severity !== 'error')
  const text = options.json ? JSON.stringify({ ok, findings }, null, 2) : format(findings)
  process.stdout.write(`${text}\n`)
  process.exitCode = ok ? exitCode.fine : exitCode.findings
}

function format(findings: readonly Finding[]): string {
  if (findings.length === 0) return 'nothing found'
  return findings
    .map(({ severity, check, message, cure }) => `${severity}: ${check}: ${message}\n    ${cure}`)
    .join('\n')
}
