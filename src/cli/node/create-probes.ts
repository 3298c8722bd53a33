import { closeSync, constants, openSync, writeFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Manifest } from '../../manifest/manifest.ts'
import type { ServiceProbes } from '../../node/controller/service/service-unit.ts'
import { DiagnosisQueue } from '../../node/probe/diagnosis-queue.ts'
import { createEndpointProbe, type EndpointProbe } from '../../node/probe/endpoint.ts'
import { createSideProbes } from '../../node/probe/side/create-side-probes.ts'
import { readKeyFile } from '../../node/wireguard/key-file.ts'
import { TimestampSource } from '../../node/wireguard/timestamp.ts'
import type { Log } from '../../telemetry/log.ts'
import { CommandError, exitCode } from '../failure.ts'

interface OwnProbes extends ServiceProbes {
  readonly endpoint: EndpointProbe
}

/** The probes of each service, with their secrets read. Throws CommandError where a key can't be had. */
export async function createProbes(manifest: Manifest, log: Log): Promise<ReadonlyMap<string, OwnProbes>> {
  const probes = new Map<string, OwnProbes>()
  const timestamps = await keepTimestamps(join(manifest.paths.runtimeDir, 'probe.tai64n'))
  const diagnoses = new DiagnosisQueue()
  for (const service of manifest.services) {
    const { privateKeyFile, presharedKeyFile } = service.probe
    const privateKey = await requireKey(privateKeyFile)
    const presharedKey = presharedKeyFile === null ? null : await requireKey(presharedKeyFile)
    const onMissingProgram = (program: string) =>
      log.warn(
        { event: 'diagnosis', program },
        `without ${program} the reasons of failed probes are less exact`,
      )
    try {
      const hooks = { timestamps, onMissingProgram, diagnoses }
      const endpoint = createEndpointProbe(service, { privateKey, presharedKey }, hooks)
      const side = createSideProbes(service, {
        node: manifest.node,
        tunnel: endpoint,
        publicKey: endpoint.publicKey,
      })
      probes.set(service.name, { endpoint, side })
    } catch (cause) {
      if (!(cause instanceof TypeError)) throw cause
      throw new CommandError(`the service ${service.name} can not be probed: ${cause.message}`, {
        hint: 'mend the YAML, then `anyward plan` again',
        exitCode: exitCode.findings,
        cause,
      })
    }
  }
  return probes
}

async function requireKey(file: string): Promise<Buffer> {
  const read = await readKeyFile(file)
  if (read.ok) return read.key
  throw new CommandError(`the key file ${file} ${read.problem}`, { hint: read.hint, cause: read.cause })
}

/**
 * The server drops what is not newer than the last initiation it took from this key. So a prober that
 * restarts after the wall clock jumped back must know what it has used; a boot clears both sides. What rises
 * for all the keys of a node rises for each: a file for each would be written twenty times a second for a
 * hundred services.
 */
async function keepTimestamps(file: string): Promise<TimestampSource> {
  const { O_RDONLY, O_WRONLY, O_CREAT, O_TRUNC, O_NOFOLLOW, O_NONBLOCK } = constants
  // The folder may belong to another user than this one, root say, who must follow no link that was laid there.
  const careful = O_NOFOLLOW | O_NONBLOCK
  return new TimestampSource({
    floor: await readFile(file, { flag: O_RDONLY | careful }).catch(() => null),
    keep(label) {
      try {
        // At once: the clock may have jumped ahead, and this process may be killed before it does anything else.
        const descriptor = openSync(file, O_WRONLY | O_CREAT | O_TRUNC | careful, 0o644)
        try {
          writeFileSync(descriptor, label)
        } finally {
          closeSync(descriptor)
        }
      } catch {
        // Without the file only a clock that jumps back across a restart hurts, and only until it has caught up.
      }
    },
  })
}
