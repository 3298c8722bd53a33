import { applyNft } from '../../linux/nft.ts'
import { addToFence } from '../rescue/fence/fence.ts'
import { type Withdrawal, withdrawServices } from '../withdraw/ladder.ts'
import { portsOf } from '../withdraw/scope.ts'

/** Withdraws services without the controller, and fences them. Never throws. */
export async function withdrawFenced(parts: Parameters<typeof withdrawServices>[0]): Promise<Withdrawal> {
  const result = await withdrawServices(parts)
  const ports = portsOf(parts.manifest, parts.services)
  // A controller that is back announces them, and follows with the fence by itself.
  if (!result.withdrawn || ports.size === 0 || parts.isOver?.() === true) return result
  try {
    await applyNft(addToFence(ports))
    return result
  } catch (error) {
    return { ...result, troubles: [...result.troubles, `not fenced: ${(error as Error).message}`] }
  }
}
