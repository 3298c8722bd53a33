import { fileURLToPath } from 'node:url'

/**
 * The settings of our controller in the bench's fleet; the other controllers get the same where they support
 * them.
 */
export const interval = { seconds: 0.2, rise: 5, fall: 3 }

const tunnelAddress = '10.80.0.1'

/** A usual check; the same for each contender that runs a command. */
export function checkOf(node) {
  return [fileURLToPath(new URL('check.sh', import.meta.url)), node.wireguard[0].interface, tunnelAddress]
}
