import { type Clock, systemClock } from '../../../clock/clock.ts'
import { showWg } from '../../../linux/wg.ts'
import type { ManifestService } from '../../../manifest/manifest.ts'
import { listWithoutAddress } from '../../wireguard/peers.ts'
import { bad, createSideProbe, good, inconclusive, type SideVerdict } from './create-side-probe.ts'
import { PeersFall } from './peers-fall.ts'
import type { SideProbe } from './side-check.ts'

type PeersSettings = NonNullable<ManifestService['probe']['peers']>

/** Whether the real peers, all but the probe's own (base64) and those of other sites' probes, still have fresh handshakes. */
export function createPeersProbe(
  settings: PeersSettings,
  interfaceName: string,
  probePublicKey: string,
  clock: Clock = systemClock,
): SideProbe {
  const fall = new PeersFall(settings)
  const ask = async (signal: AbortSignal): Promise<SideVerdict> => {
    const { timeoutMs } = settings
    let handshakes: string
    let allowedIps: string
    try {
      ;[handshakes, allowedIps] = await Promise.all([
        showWg(interfaceName, 'latest-handshakes', { timeoutMs, signal }),
        showWg(interfaceName, 'allowed-ips', { timeoutMs, signal }),
      ])
    } catch (error) {
      return inconclusive('no-answer', (error as Error).message)
    }
    const handshakesS = readHandshakes(
      handshakes,
      new Set([probePublicKey, ...listWithoutAddress(allowedIps)]),
    )
    const verdict = fall.take({ nowMs: clock.now(), wallMs: clock.wall(), handshakesS })
    if (verdict.outcome === 'clock-jumped') {
      return inconclusive(
        'clock-jumped',
        `the clock has jumped: the ages of handshakes are unreliable for ${Math.ceil(verdict.forMs / 1000)} s`,
      )
    }
    const { fresh, before } = verdict
    if (verdict.outcome === 'good')
      return good(`${fresh} of ${handshakesS.length} peers have a fresh handshake`)
    const minutes = Math.round(settings.withinMs / 6_000) / 10
    return bad(
      'peers-gone',
      `${fresh} peers have a fresh handshake, and ${before} had one within the last ${minutes} minutes`,
    )
  }
  return createSideProbe({ check: 'peers', intervalMs: settings.intervalMs, ask, clock })
}

/** Lines of `key TAB seconds`. */
export function readHandshakes(text: string, ignored: ReadonlySet<string>): number[] {
  return text.split('\n').flatMap((line) => {
    const [key, seconds] = line.split('\t')
    return ignored.has(key!) || !/^\d+$/.test(seconds ?? '') ? [] : [Number(seconds)]
  })
}
