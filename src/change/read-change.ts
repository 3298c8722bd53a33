import { digestOf, type LoadedBundle, loadBundle } from '../bundle/read.ts'
import { ConfigError } from '../text/issue.ts'
import { type Change, TransportError } from './transport.ts'

/** The bundle of a change, from its folder. Throws TransportError if it is not there, or is another one. */
export async function readChange({ dir, digest }: Change): Promise<LoadedBundle> {
  const bundle = await loadBundle(dir).catch((error: unknown) => {
    throw error instanceof ConfigError ? new TransportError(error.message, { cause: error }) : error
  })
  if (digestOf(bundle) !== digest) throw new TransportError(`${dir} has another bundle now`)
  return bundle
}
