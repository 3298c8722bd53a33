import { existsSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { execa } from 'execa'
import { removeTree } from '../../../files/remove-tree.ts'
import { frrDaemonsOf } from '../../../syntax/frr-daemons.ts'

const programs = '/usr/lib/frr'
const runFolder = '/run/frr'

/** FRR's daemons of their own, beside those of the machine. */
export interface FrrInstance {
  /** The name of their folder below /run/frr, without `/` and `.`: mgmtd and bfdd have sockets that have no option. */
  readonly name: string
  /** The folder of their vty sockets, which belongs to the user frr. */
  readonly sockets: string
}

/**
 * The daemons that use a bundle's configuration, in groups that start one after the other. From FRR 10 on, mgmtd has the
 * static routes and route-maps of the others.
 * @param config may have other routing protocols, which need their daemons
 */
export function frrDaemons(config = ''): readonly (readonly string[])[] {
  const first = existsSync(join(programs, 'mgmtd')) ? [['mgmtd']] : []
  return [...first, ['zebra'], ['staticd', 'bfdd', 'bgpd', ...frrDaemonsOf(config)]]
}

/**
 * The command that starts a daemon without a configuration. Not with `-f /dev/null`, which mgmtd, staticd and bfdd of
 * FRR 10 refuse: the name of the instance makes them look for a file that does not exist.
 */
export function frrCommand({ name, sockets }: FrrInstance, daemon: string): [string, ...string[]] {
  return [
    join(programs, daemon),
    ...['-N', name, '--vty_socket', sockets, '-i', join(sockets, `${daemon}.pid`)],
    ...['-z', join(sockets, 'zserv.api'), '-A', '127.0.0.1', '-P', '0'],
    ...(daemon === 'bgpd' ? ['-M', 'rpki'] : []),
  ]
}

/** Makes the instance's folder below /run/frr, where its daemons, without root's rights, create sockets. */
export async function makeFrrFolder(name: string): Promise<void> {
  const folder = join(runFolder, name)
  await mkdir(folder, { recursive: true })
  await execa('chown', ['frr:frr', folder], { stdin: 'ignore' })
}

export async function removeFrrFolder(name: string): Promise<void> {
  await removeTree(join(runFolder, name))
}
