import { readSysctl } from '../../../../linux/inspect/sysctl.ts'
import { type Check, warning } from '../../check.ts'

const settings = {
  ipv4: { path: 'net/ipv4/ip_forward', name: 'net.ipv4.ip_forward' },
  ipv6: { path: 'net/ipv6/conf/all/forwarding', name: 'net.ipv6.conf.all.forwarding' },
} as const

export const forwarding: Check = {
  name: 'forwarding',
  reads:
    'whether the kernel forwards what clients send through the tunnel, for each family of the addresses in it',
  async examine({ services }) {
    const inTunnel = services.flatMap(({ wireguard }) => wireguard.addresses)
    const families = (['ipv4', 'ipv6'] as const).filter((family) =>
      inTunnel.some((address) => address.includes(':') === (family === 'ipv6')),
    )
    const values = await Promise.all(
      families.map(async (family) => ({ family, value: await readSysctl(settings[family].path) })),
    )
    return values
      .filter(({ value }) => value === 0)
      .map(({ family }) => {
        const message = `${family === 'ipv4' ? 'IPv4' : 'IPv6'} forwarding is off: clients reach this node, and nothing behind it`
        return warning(message, `${settings[family].name} = 1 in /etc/sysctl.d`)
      })
  },
}
