import { type Check, error, type Found } from '../../check.ts'
import { showIfPresent } from './show.ts'

export const key: Check = {
  name: 'key',
  reads: 'the public key of the interface against that of the YAML',
  async examine({ services }) {
    const found: Found[] = []
    for (const { name, wireguard } of services) {
      const text = await showIfPresent(wireguard.interface, 'public-key')
      const has = text?.trim()
      if (has === undefined || has === wireguard.publicKey) continue
      const message =
        has === '(none)'
          ? `${wireguard.interface} of ${name} has no private key`
          : `${wireguard.interface} of ${name} has the public key ${has}, the YAML says ${wireguard.publicKey}`
      const cure = `give it the private key that all sites of ${name} share: wg set ${wireguard.interface} private-key FILE`
      found.push(error(message, cure))
    }
    return found
  },
}
