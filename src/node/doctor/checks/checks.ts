import type { Check } from '../check.ts'
import { firewall } from './firewall/firewall.ts'
import { clock } from './machine/clock.ts'
import { controller } from './machine/controller.ts'
import { conntrack } from './network/conntrack.ts'
import { forwarding } from './network/forwarding.ts'
import { mtu } from './network/mtu.ts'
import { name } from './network/name.ts'
import { returnPath } from './network/return-path.ts'
import { rpFilter } from './network/rp-filter.ts'
import { source } from './network/source.ts'
import { strayWatch } from './network/stray-watch.ts'
import { vrf } from './network/vrf.ts'
import { daemon } from './routing/daemon.ts'
import { filters } from './routing/filters.ts'
import { foreign } from './routing/foreign.ts'
import { include } from './routing/include.ts'
import { otherAnnouncers } from './routing/other-announcers.ts'
import { sessions } from './routing/sessions.ts'
import { socket } from './routing/socket.ts'
import { address } from './wireguard/address.ts'
import { bothFamilies } from './wireguard/both-families.ts'
import { wireguardInterface } from './wireguard/interface.ts'
import { key } from './wireguard/key.ts'
import { observerPeers } from './wireguard/observer-peers.ts'
import { port } from './wireguard/port.ts'
import { probePeer } from './wireguard/probe-peer.ts'

/** In the order of their findings. */
export const checks: readonly Check[] = [
  ...[daemon, include, socket, sessions, filters, foreign],
  ...[wireguardInterface, port, key, probePeer, observerPeers, bothFamilies, address],
  ...[vrf, returnPath, source, rpFilter, forwarding, mtu, firewall, strayWatch, conntrack],
  ...[clock, name, controller, otherAnnouncers],
]
