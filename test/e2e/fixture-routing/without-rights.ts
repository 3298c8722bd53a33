import { execa } from 'execa'
import type { Manifest } from '../../../src/manifest/manifest.ts'
import { builtCode } from '../fixture-wireguard/agent.ts'

interface Failure {
  readonly code: string
  readonly message: string
}

const modules = { bird: ['bird/bird.js', 'createBird'], frr: ['frr/frr.js', 'createFrr'] } as const

/** The number of any user but root. */
export const otherUser = 65534

/** What `observe` and a withdrawal of everything fail with for a user who may open nothing of another user. */
export async function failWithoutRights(
  kind: 'bird' | 'frr',
  manifest: Manifest,
): Promise<{ observe: Failure | null; apply: Failure | null }> {
  const [module, create] = modules[kind]
  const script = new URL('without-rights.mjs', import.meta.url).pathname
  const { stdout } = await execa('setpriv', [
    ...['--bounding-set=-all', '--inh-caps=-all', process.execPath, script],
    ...[`${builtCode}/node/routing/${module}`, create, JSON.stringify(manifest)],
  ])
  return JSON.parse(stdout)
}
