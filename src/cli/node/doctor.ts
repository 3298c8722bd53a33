import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import type { Finding } from '../../node/doctor/check.ts'
import { examineNode } from '../../node/service/doctor-node.ts'
import { defaultBundle } from '../commands/options.ts'
import { exitCode } from '../failure.ts'
import { commandInLabNode, locateBundle, type NodeOptions } from '../locate-bundle.ts'
import { withProgress } from '../terminal/progress.ts'
import { thisProgram } from './this-program.ts'

export interface DoctorOptions extends NodeOptions {
  readonly name?: string
}

/** For each check: a hung program must not hang the others. */
const timeoutMs = 20_000

export async function runDoctor(options: DoctorOptions): Promise<void> {
  if (options.node !== undefined) return runInside(options, options.node)
  const bundle = await locateBundle(options)
  const findings = await withProgress({ lines: 'slow' }, (progress) =>
    examineNode({
      bundle: bundle ?? (existsSync(defaultBundle) ? defaultBundle : null),
      clientName: options.name ?? null,
      timeoutMs,
      onStep: (step) => progress.step(step),
    }),
  )
  const ok = findings.every(({ severity }) => severity !== 'error')
  const text = options.json ? JSON.stringify({ ok, findings }, null, 2) : format(findings)
  process.stdout.write(`${text}\n`)
  process.exitCode = ok ? exitCode.fine : exitCode.findings
}

/** What the checks look at belongs to the network namespace of the lab's node. */
async function runInside(options: DoctorOptions, node: string): Promise<void> {
  const args = options.json ? ['--json'] : []
  if (options.name !== undefined) args.push('--name', options.name)
  const [program, ...argv] = await commandInLabNode(node, [...thisProgram().argv, 'doctor', ...args])
  const [code] = (await once(spawn(program, argv, { stdio: 'inherit' }), 'close')) as [number | null]
  process.exitCode = code ?? exitCode.failed
}

function format(findings: readonly Finding[]): string {
  if (findings.length === 0) return 'nothing found'
  return findings
    .map(({ severity, check, message, cure }) => `${severity}: ${check}: ${message}\n    ${cure}`)
    .join('\n')
}
