import { findLink } from '../../../../linux/inspect/routes.ts'
import { showWg, type WgField } from '../../../../linux/wg.ts'

const timeoutMs = 10_000

/** `null`: there is no such interface, which is the finding of another check. Throws RunError. */
export async function showIfPresent(interfaceName: string, field: WgField): Promise<string | null> {
  if ((await findLink(interfaceName)) === null) return null
  return showWg(interfaceName, field, { timeoutMs })
}
