import { runIp } from '../../../linux/ip.ts'
import { showWg, type WgField } from '../../../linux/wg.ts'
import { publicKeyPattern } from '../../../manifest/values.ts'
import { parseInterfaceAddress } from '../../../net/prefix.ts'
import type { DetectedWireguard } from '../../init/questions.ts'

const timeoutMs = 2000

/** What the WireGuard interface of this machine says, if there is one. */
export async function detectWireguard(interfaceName: string): Promise<DetectedWireguard> {
  const show = (field: WgField) =>
    showWg(interfaceName, field, { timeoutMs }).then(
      (text) => text.trim(),
      () => '',
    )
  const key = await show('public-key')
  if (!publicKeyPattern.test(key)) return { publicKey: null, port: null, addresses: [] }
  const port = Number(await show('listen-port'))
  return { publicKey: key, port: port > 0 ? port : null, addresses: await listAddresses(interfaceName) }
}

async function listAddresses(interfaceName: string): Promise<string[]> {
  const text = await runIp(['-o', 'addr', 'show', 'dev', interfaceName, 'scope', 'global']).catch(() => '')
  return [...text.matchAll(/ inet6? (\S+)/g)].flatMap(([, address]) => {
    const parsed = parseInterfaceAddress(address!)
    // A /32 or /128 alone leaves no address for the probe.
    return parsed.ok && !parsed.value.prefix.isHost ? [parsed.value.toString()] : []
  })
}
