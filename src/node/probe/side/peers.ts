import { type Clock, systemClock } from '../../../clock/clock.ts'
import type { ManifestService } from '../../../manifest/manifest.ts'
import { PeersFall } from './peers-fall.ts'
import { runProcess } from './process.ts'
import type { SideProbe } from './side-check.ts'
import { bad, createSideProbe, good, inconclusive, type SideVerdict } from './side-probe.ts'

type PeersSettings = NonNullable<ManifestService['probe']['peers']>

/** 55 bytes a peer. */
const limitBytes = 64 * 2 ** 20

/** Whether the real peers, all but the probe's own (base64), still have fresh handshakes. */
export function createPeersProbe(
  settings: PeersSettings,
  interfaceName: string,
  probePublicKey: string,
  clock: Clock = systemClock,
): SideProbe {
  const fall = new PeersFall(settings)
  const ask = async (signal: AbortSignal): Promise<SideVerdict> => {
    // Never `dump`, which prints the private key and the preshared keys.
    const argv = ['wg', 'show', interfaceName, 'latest-handshakes'] as const
    const { end, output } = await runProcess({
      argv: [...argv],
      env: {},
      timeoutMs: settings.timeoutMs,
      keepBytes: limitBytes,
      limitBytes,
      signal,
    })
    if (end.end !== 'exit' || end.code !== 0) {
      const why = end.end === 'exit' ? `exit code ${end.code}` : end.end
      return inconclusive('no-answer', `${argv.join(' ')} did not answer (${why})`)
    }
    const handshakesS = readHandshakes(output.toString('latin1'), probePublicKey)
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
export function readHandshakes(text: string, probePublicKey: string): number[] {
  return text.split('\n').flatMap((line) => {
    const [key, seconds] = line.split('\t')
    return key === probePublicKey || !/^\d+$/.test(seconds ?? '') ? [] : [Number(seconds)]
  })
}
