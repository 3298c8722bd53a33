import type { ManifestService } from '../../manifest/manifest.ts'
import { parsePublicKey } from '../wireguard/key.ts'
import type { TimestampSource } from '../wireguard/timestamp.ts'
import { diagnose, isServedByProcess } from './diagnose.ts'
import type { DiagnosisQueue } from './diagnosis-queue.ts'
import { EndpointProbe } from './endpoint.ts'
import type { CloseCycles } from './suspicion/close-cycles.ts'

interface ProbeSecrets {
  /** 32 bytes each. */
  readonly privateKey: Uint8Array
  readonly presharedKey: Uint8Array | null
}

interface EndpointProbeHooks {
  readonly timestamps?: TimestampSource
  /** A program that the diagnosis needs is not installed; reported once. */
  readonly onMissingProgram?: (program: string) => void
  /** One for all the services of a node, as is the next. */
  readonly diagnoses?: DiagnosisQueue
  readonly closeCycles?: CloseCycles
}

/** The probe of a service on this node. Throws TypeError if the manifest's public key is invalid. */
export function createEndpointProbe(
  service: ManifestService,
  secrets: ProbeSecrets,
  hooks: EndpointProbeHooks = {},
): EndpointProbe {
  const { wireguard, probe } = service
  const serverPublicKey = parsePublicKey(wireguard.publicKey)
  if (!serverPublicKey.ok) {
    throw new TypeError(`the public key of service ${service.name} ${serverPublicKey.problem}`)
  }
  const target = {
    interface: wireguard.interface,
    port: wireguard.port,
    publicKey: wireguard.publicKey,
    probeAddress: probe.address,
  }
  const created: EndpointProbe = new EndpointProbe({
    endpoints: service.anycast.map((address) => ({ address, port: wireguard.port })),
    serverPublicKey: serverPublicKey.value,
    ...secrets,
    address: probe.address,
    tunnelAddresses: wireguard.addresses,
    timeoutMs: probe.timeoutMs,
    checks: probe.checks,
    suspicion: probe.suspicion ? { intervalMs: probe.intervalMs, fall: probe.fall } : null,
    // If the anycast address is not on this node, the first router must drop the packets: another site must not
    // answer them.
    hopLimit: 1,
    ...(hooks.timestamps === undefined ? {} : { timestamps: hooks.timestamps }),
    ...(hooks.closeCycles === undefined ? {} : { closeCycles: hooks.closeCycles }),
    diagnosis: {
      diagnose: (signal) => diagnose({ ...target, probePublicKey: created.publicKey }, signal),
      mayHang: () => isServedByProcess(target.interface),
      onMissingProgram: hooks.onMissingProgram ?? (() => {}),
      ...(hooks.diagnoses === undefined ? {} : { queue: hooks.diagnoses }),
    },
  })
  return created
}
