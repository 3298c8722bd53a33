import { existsSync } from 'node:fs'
import { RunError } from '../../linux/run.ts'
import { showWg, type WgField } from '../../linux/wg.ts'
import { parseAddress, parsePrefix } from '../../net/prefix.ts'

interface DiagnosisTarget {
  readonly interface: string
  readonly port: number
  /** The server's public key in the fleet, base64. */
  readonly publicKey: string
  readonly probePublicKey: string
  /** The probe's own address inside the tunnel. */
  readonly probeAddress: string
}

/** The cause of a missing reply, as found in the node's own WireGuard. */
export type DiagnosisCause = 'wrong-key' | 'peer-missing' | 'wrong-port' | 'hung'

/** Appended to "it did not answer". */
export const wordsOfDiagnosis: Readonly<Record<DiagnosisCause, string>> = {
  'wrong-key': 'the private key of the interface differs from the YAML',
  'peer-missing': "the probe's peer, or its address, is not on the interface",
  'wrong-port': 'the interface listens on another port',
  hung: 'nor does `wg` get an answer: WireGuard hangs',
}

/** `no-wg`: the program is not installed. `null`: the interface is correct, or cannot be read. */
export type Diagnosis = DiagnosisCause | 'no-wg' | null

/** For one field; `signal` aborts sooner. */
const timeoutMs = 30_000

/**
 * Reads from the local WireGuard why it does not reply: the initiator cannot distinguish a wrong key, an unknown
 * peer and a dead process. `hung` if `signal` aborts before the answer of a process; the kernel itself always answers `wg`,
 * and then only the node is too busy to run it.
 */
export async function diagnose(
  target: DiagnosisTarget,
  signal: AbortSignal,
  hasProcess = isServedByProcess,
): Promise<Diagnosis> {
  const checks = [
    { field: 'public-key', judge: judgePublicKey },
    { field: 'listen-port', judge: judgeListenPort },
    { field: 'allowed-ips', judge: judgeAllowedIps },
  ] as const
  for (const { field, judge } of checks) {
    const answer = await showField(target.interface, field, signal)
    if (!answer.ok)
      return answer.diagnosis === 'hung' && !hasProcess(target.interface) ? null : answer.diagnosis
    const cause = judge(answer.text, target)
    if (cause !== null) return cause
  }
  return null
}

/** `wg` looks for the socket of an implementation such as wireguard-go here, before it asks the kernel. */
export function isServedByProcess(interfaceName: string): boolean {
  return existsSync(`/var/run/wireguard/${interfaceName}.sock`)
}

type Answer = { ok: true; text: string } | { ok: false; diagnosis: Diagnosis }

async function showField(interfaceName: string, field: WgField, signal: AbortSignal): Promise<Answer> {
  try {
    return { ok: true, text: await showWg(interfaceName, field, { timeoutMs, signal }) }
  } catch (error) {
    if (signal.aborted) return { ok: false, diagnosis: 'hung' }
    if (!(error instanceof RunError)) throw error
    const diagnosis = { timeout: 'hung', 'not-installed': 'no-wg', failed: null, 'too-long': null } as const
    return { ok: false, diagnosis: diagnosis[error.kind] }
  }
}

function judgePublicKey(text: string, target: DiagnosisTarget): DiagnosisCause | null {
  return text.trim() === target.publicKey ? null : 'wrong-key'
}

function judgeListenPort(text: string, target: DiagnosisTarget): DiagnosisCause | null {
  return text.trim() === String(target.port) ? null : 'wrong-port'
}

/** Lines of `key TAB prefix prefix …`, or `(none)` for the prefixes. */
function judgeAllowedIps(text: string, target: DiagnosisTarget): DiagnosisCause | null {
  const address = parseAddress(target.probeAddress)
  for (const line of text.split('\n')) {
    const [key, prefixes = ''] = line.split('\t')
    if (key !== target.probePublicKey) continue
    const allowed = prefixes.split(' ').map(parsePrefix)
    const isAllowed =
      address.ok && allowed.some((prefix) => prefix.ok && prefix.value.contains(address.value))
    return isAllowed ? null : 'peer-missing'
  }
  return 'peer-missing'
}
