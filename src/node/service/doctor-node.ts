import { existsSync } from 'node:fs'
import { loadBundle, readBundle } from '../../bundle/read.ts'
import { fillSecrets } from '../../bundle/secrets.ts'
import { systemClock } from '../../clock/clock.ts'
import { daemonNames } from '../../manifest/daemon-kinds.ts'
import type { Manifest } from '../../manifest/manifest.ts'
import { ConfigError } from '../../text/issue.ts'
import { describeLoss, findLoss } from '../apply/foreign/loss.ts'
import type { ControllerWords, Finding, LossWords } from '../doctor/check.ts'
import { checks } from '../doctor/checks/checks.ts'
import { examine } from '../doctor/examine.ts'
import { cures } from '../health/cures.ts'
import type { Observation } from '../routing/daemon.ts'
import { askController } from './ask-controller.ts'
import { createDaemon } from './create-daemon.ts'

interface DoctorOptions {
  /** The folder of the bundle; `null`: none is installed. */
  readonly bundle: string | null
  /** The DNS name that clients dial. */
  readonly clientName: string | null
  /** For each check. */
  readonly timeoutMs: number
  readonly onStep?: (step: string) => void
}

/** What on this node would keep it from serving. A bundle that cannot be read is itself a finding. */
export async function examineNode(options: DoctorOptions): Promise<Finding[]> {
  const { bundle, clientName, timeoutMs, onStep } = options
  const { manifest, findings } = await read(bundle)
  const context = {
    ...{ manifest, bundle, clientName, services: manifest?.services ?? [], nowMs: systemClock.wall() },
    observe: manifest === null ? null : () => observe(manifest),
    askController: manifest === null ? null : () => readServices(manifest),
    // An attached node has no configuration of ours that could lose anything.
    findLoss: manifest === null || manifest.routing === 'attached' ? null : () => readLoss(manifest, bundle!),
  }
  return [...findings, ...(await examine({ checks, context, timeoutMs, onStep }))]
}

async function observe(manifest: Manifest): Promise<Observation> {
  const daemon = await createDaemon(manifest, { deadlineMs: 3000 })
  try {
    return await daemon.observe()
  } finally {
    await daemon.leave()
  }
}

async function readServices(manifest: Manifest): Promise<ControllerWords> {
  // Without services there is nothing to announce.
  if (manifest.services.length === 0) return { services: [], failure: null }
  const reply = await askController(manifest)
  if (reply.outcome === 'absent') return null
  const { services, daemon } = reply.status
  return {
    services: services.map(({ name, decision, reason, detail, since, announced, holdDown }) => ({
      ...{ name, decision, reason, detail, since, isAnnounced: announced.length > 0 },
      ...{ leftMs: holdDown.leftMs, cure: cures[reason] ?? null },
    })),
    failure: daemon.trouble?.message ?? null,
  }
}

async function readLoss(manifest: Manifest, bundle: string): Promise<LossWords | null> {
  const { bundleDir } = manifest.paths
  const { files } = await loadBundle(bundle)
  const content = await fillSecrets(files.get(daemonNames[manifest.daemon].configFile) ?? '')
  const installed = bundleDir === undefined ? null : await readBundle(bundleDir).catch(() => null)
  const loss = await findLoss({ manifest, installed, content })
  return loss && describeLoss(loss, manifest)
}

async function read(bundle: string | null): Promise<{ manifest: Manifest | null; findings: Finding[] }> {
  const check = 'bundle'
  if (bundle === null || !existsSync(bundle)) {
    const message =
      bundle === null ? 'no bundle is installed: most checks need one' : `there is no folder ${bundle}`
    const cure = 'name a bundle of `anyward plan` with --bundle DIR'
    const severity = bundle === null ? 'info' : 'error'
    return { manifest: null, findings: [{ severity, check, message, cure }] }
  }
  try {
    return { manifest: await readBundle(bundle), findings: [] }
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    const findings = error.issues.map(({ file, message, hint }) => ({
      ...{ severity: 'error' as const, check, message: `${file} ${message}` },
      cure: hint ?? 'run `anyward plan` again and copy the whole folder',
    }))
    return { manifest: null, findings }
  }
}
