import type { ManifestService } from '../../../../manifest/manifest.ts'
import { addressBits, familyOf, parseAddress, parsePrefix } from '../../../../net/prefix.ts'
import { publicKeyOf } from '../../../wireguard/key.ts'
import { readKeyFile } from '../../../wireguard/key-file.ts'
import { type Check, error, type Found, unseen } from '../../check.ts'
import { showIfPresent } from './show.ts'

/** The controller probes as a peer of its own, which the interface must know. */
export const probePeer: Check = {
  name: 'probe-peer',
  reads: "the probe's key file, and its peer on the interface with its address",
  async examine({ services }) {
    const found: Found[] = []
    for (const { name, wireguard, probe } of services) {
      const read = await readKeyFile(probe.privateKeyFile)
      if (!read.ok) {
        const code = (read.cause as NodeJS.ErrnoException | undefined)?.code
        const message = `the probe's key file ${probe.privateKeyFile} ${read.problem}`
        const cure = code === 'ENOENT' ? makeKeyAndPeer(wireguard.interface, probe) : read.hint
        found.push(code === 'EACCES' ? unseen(message) : error(message, cure))
        continue
      }
      const publicKey = publicKeyOf(read.key)
      const text = await showIfPresent(wireguard.interface, 'allowed-ips')
      if (text === null) continue
      const cure = setPeer(wireguard.interface, publicKey, probe)
      const prefixes = findAllowed(text, publicKey)
      if (prefixes === null) {
        found.push(error(`${wireguard.interface} has no peer for the probe of ${name} (${publicKey})`, cure))
      } else if (!prefixes.some((prefix) => contains(prefix, probe.address))) {
        const message = `the probe's peer on ${wireguard.interface} may not use ${probe.address}, the address of the probe of ${name}`
        found.push(error(message, cure))
      }
    }
    return found
  },
}

/** All steps: the next run would find the missing peer only. */
function makeKeyAndPeer(device: string, probe: ManifestService['probe']): string {
  const { privateKeyFile } = probe
  return [
    `(umask 077 && wg genkey > ${privateKeyFile})`,
    setPeer(device, `"$(wg pubkey < ${privateKeyFile})"`, probe),
    `where the Debian package's controller reads it: chgrp anyward ${privateKeyFile} && chmod 0640 ${privateKeyFile}`,
  ].join('\n    ')
}

function setPeer(
  device: string,
  publicKey: string,
  { address, presharedKeyFile }: ManifestService['probe'],
): string {
  const preshared = presharedKeyFile === null ? '' : ` preshared-key ${presharedKeyFile}`
  return `wg set ${device} peer ${publicKey}${preshared} allowed-ips ${address}/${addressBits(familyOf(address))}`
}

/** Reads lines of `key TAB prefix prefix …`; `null`: there is no such peer. */
export function findAllowed(text: string, publicKey: string): string[] | null {
  for (const line of text.split('\n')) {
    const [peer, prefixes = ''] = line.split('\t')
    if (peer === publicKey) return prefixes.split(' ').filter((word) => word.includes('/'))
  }
  return null
}

function contains(prefix: string, address: string): boolean {
  const [whole, one] = [parsePrefix(prefix), parseAddress(address)]
  return whole.ok && one.ok && whole.value.contains(one.value)
}
