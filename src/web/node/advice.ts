import type { Configured } from '../../control/page/page-state.ts'
import type { NodeStatus } from '../../control/status.ts'
import { cures } from '../../node/health/cures.ts'

type Service = NodeStatus['services'][number]

/** What to do, by the reason of a decision that is not the endpoint's fault: those are in `cures`. */
const advice: Readonly<Record<string, string>> = {
  starting: 'wait some seconds: the first probes have to end',
  'hold-down':
    'nothing, if the cause is gone: the service is announced again after the hold-down. If it flaps, find the cause',
  recovering: 'nothing: the service is announced again after some more good probes',
  drained: 'to serve again: `anyward undrain` on the node',
  'operator-withdrew': 'to serve again: `anyward undrain` on the node',
  draining:
    'nothing: the routes are withdrawn when the traffic has gone. To serve again: `anyward undrain` on the node',
  returning: 'nothing: the routes become normal by themselves',
  stopping: 'start the controller again: `systemctl start anyward-controller`',
  'stopping-keep': 'start the controller again: `systemctl start anyward-controller`',
  loss: 'the link, the load of the node, or a firewall that limits the rate',
  'store-unreachable': 'restore the store, or the way to it; then the permit decides',
  'probe-stuck': 'the load of the node; then `journalctl -u anyward-controller`',
  'last-site':
    'the endpoint fails, and too few other sites serve to withdraw it: fix the endpoint here or at another site',
}

/** What to do about a service, in the order to try; empty where nothing is to be done. */
export function adviseOn(service: Service, configured: Configured | null): string[] {
  if (service.decision === 'announce' && service.reason === 'healthy') return []
  const found = new Set<string>()
  const add = (reason: string | undefined) => {
    const text = reason === undefined ? undefined : (own(advice, reason) ?? own(cures, reason))
    if (text !== undefined) found.add(fill(text, service, configured))
  }
  // The reason may hide the fault, as `last-site` does, or the probe knows more by now.
  const hides = service.reason === 'no-reply' || Object.hasOwn(advice, service.reason)
  const cause = hides && service.probe?.outcome === 'bad' ? service.probe.cause : undefined
  if (service.reason === 'no-reply') add(cause)
  add(service.reason)
  add(cause)
  return [...found]
}

function own(texts: Readonly<Record<string, string>>, key: string): string | undefined {
  return Object.hasOwn(texts, key) ? texts[key] : undefined
}

/** With the names of this node in the place of the capital words. */
function fill(text: string, { name, detail }: Service, configured: Configured | null): string {
  const service = configured?.services.find((one) => one.name === name)
  if (service === undefined) return text
  const address = service.anycast.find((one) => detail.includes(one)) ?? 'ADDRESS'
  return text
    .replaceAll('INTERFACE', service.interface)
    .replaceAll('PORT', String(service.port))
    .replaceAll('ADDRESS', address)
}
