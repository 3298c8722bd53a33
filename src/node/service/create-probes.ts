import { closeSync, constants, openSync, writeFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Manifest, ManifestService } from '../../manifest/manifest.ts'
import type { Log } from '../../telemetry/log.ts'
import { OperationError } from '../../text/operation-error.ts'
import type { ServiceProbes } from '../controller/services/service-unit.ts'
import { createEndpointProbe } from '../probe/create-endpoint-probe.ts'
import { DiagnosisQueue } from '../probe/diagnosis-queue.ts'
import type { EndpointProbe } from '../probe/endpoint.ts'
import { createSideProbes } from '../probe/side/create-side-probes.ts'
import { CloseCycles } from '../probe/suspicion/close-cycles.ts'
import { readKeyFile } from '../wireguard/key-file.ts'
import { TimestampSource } from '../wireguard/timestamp.ts'

interface OwnProbes extends ServiceProbes {
  readonly endpoint: EndpointProbe
}

/** The probes of each service, with their keys read. Throws OperationError if a key cannot be read. */
export async function createProbes(manifest: Manifest, log: Log): Promise<ReadonlyMap<string, OwnProbes>> {
  const probes = new Map<string, OwnProbes>()
  const timestamps = await keepTimestamps(join(manifest.paths.runtimeDir, 'probe.tai64n'))
  const diagnoses = new DiagnosisQueue()
  const closeCycles = new CloseCycles()
  for (const service of manifest.services) {
    const keys = await readServiceKeys(service)
    const onMissingProgram = (program: string) =>
      log.warn(
        { event: 'diagnosis', program },
        `without ${program} the reasons of failed probes are less exact`,
      )
    try {
      const hooks = { timestamps, onMissingProgram, diagnoses, closeCycles }
      const endpoint = createEndpointProbe(service, keys, hooks)
      const side = createSideProbes(service, {
        node: manifest.node,
        tunnel: endpoint,
        publicKey: endpoint.publicKey,
      })
      probes.set(service.name, { endpoint, side })
    } catch (cause) {
      if (!(cause instanceof TypeError)) throw cause
      throw new OperationError(`the service ${service.name} cannot be probed: ${cause.message}`, {
        hint: 'fix the YAML, then run `anyward plan` again',
        outcome: 'refused',
        cause,
      })
    }
  }
  return probes
}

/** Of its probe. Throws OperationError if one cannot be read. */
export async function readServiceKeys({ probe }: ManifestService) {
  const { privateKeyFile, presharedKeyFile } = probe
  return {
    privateKey: await requireKey(privateKeyFile),
    presharedKey: presharedKeyFile === null ? null : await requireKey(presharedKeyFile),
  }
}

async function requireKey(file: string): Promise<Buffer> {
  const read = await readKeyFile(file)
  if (read.ok) return read.key
  throw new OperationError(`the key file ${file} ${read.problem}`, { hint: read.hint, cause: read.cause })
}

/**
 * The server drops an initiation that is not newer than the last one from this key. So a prober that restarts after
 * the wall clock was set back must know the last timestamp it used; a boot clears both sides. All keys of a node share
 * one file: one file per key would be written twenty times a second for a hundred services.
 */
export async function keepTimestamps(file: string): Promise<TimestampSource> {
  const { O_RDONLY, O_WRONLY, O_CREAT, O_TRUNC, O_NOFOLLOW, O_NONBLOCK } = constants
  // The folder may belong to another user: root must not follow a link that was planted there.
  const careful = O_NOFOLLOW | O_NONBLOCK
  return new TimestampSource({
    floor: await readFile(file, { flag: O_RDONLY | careful }).catch(() => null),
    keep(label) {
      try {
        // Synchronous: the clock may have jumped ahead, and this process may be killed at any time.
        const descriptor = openSync(file, O_WRONLY | O_CREAT | O_TRUNC | careful, 0o644)
        try {
          writeFileSync(descriptor, label)
        } finally {
          closeSync(descriptor)
        }
      } catch {
        // Without the file, probes fail only if the clock is set back across a restart, until it has caught up.
      }
    },
  })
}
