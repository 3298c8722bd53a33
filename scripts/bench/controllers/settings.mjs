import { fileURLToPath } from 'node:url'

/** What our controller has in the bench's fleet; who can be told the same is. */
export const interval = { seconds: 0.2, rise: 5, fall: 3 }

const tunnelAddress = '10.80.0.1'

/** What people have as their check; the same for all who take one. */
export function checkOf(node) {
  return [fileURLToPath(new URL('check.sh', import.meta.url)), node.wireguard[0].interface, tunnelAddress]
}
