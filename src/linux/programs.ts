import { access, constants, readdir } from 'node:fs/promises'
import { delimiter, join } from 'node:path'

export interface MissingProgram {
  readonly program: string
  /** Its Debian package. */
  readonly package: string
}

/** The Debian package of each program that Anyward calls. */
const packages: Readonly<Record<string, string>> = {
  bird: 'bird2',
  birdc: 'bird2',
  zebra: 'frr',
  bgpd: 'frr',
  'bgpd_rpki.so': 'frr-rpki-rtrlib',
  bfdd: 'frr',
  staticd: 'frr',
  vtysh: 'frr',
  wg: 'wireguard-tools',
  'wireguard-go': 'wireguard-go',
  ip: 'iproute2',
  bridge: 'iproute2',
  nft: 'nftables',
  perl: 'perl-base',
  ping: 'iputils-ping',
  unshare: 'util-linux',
  nsenter: 'util-linux',
  sysctl: 'procps',
  xargs: 'findutils',
  'ssh-keygen': 'openssh-client',
  setsid: 'util-linux',
  etcd: 'etcd-server',
  etcdctl: 'etcd-client',
  openssl: 'openssl',
}

/** FRR's daemons are on no PATH, and /usr/sbin is not on that of an ordinary user. */
const extraDirs = ['/usr/lib/frr', '/usr/sbin', '/sbin']

/** Those of `programs` that are not on this machine. */
export async function findMissingPrograms(programs: readonly string[]): Promise<MissingProgram[]> {
  const found = await Promise.all(programs.map(isInstalled))
  return programs
    .filter((_, index) => !found[index])
    .map((program) => ({ program, package: packages[program] ?? program }))
}

/** `bird (package bird2), wg (package wireguard-tools)` */
export function describeMissing(missing: readonly MissingProgram[]): string {
  return missing.map(({ program, package: name }) => `${program} (package ${name})`).join(', ')
}

async function isInstalled(program: string): Promise<boolean> {
  if (program.endsWith('.so')) return isModule(program)
  const dirs = [...(process.env.PATH ?? '').split(delimiter).filter(Boolean), ...extraDirs]
  for (const dir of dirs) {
    if (await isExecutable(join(dir, program))) return true
  }
  return false
}

/** FRR's modules are below a folder that is named after the machine's architecture. */
async function isModule(name: string): Promise<boolean> {
  for (const entry of await readdir('/usr/lib').catch(() => [])) {
    const path = join('/usr/lib', entry, 'frr', 'modules', name)
    if (await isAccessible(path, constants.R_OK)) return true
  }
  return false
}

function isExecutable(path: string): Promise<boolean> {
  return isAccessible(path, constants.X_OK)
}

async function isAccessible(path: string, mode: number): Promise<boolean> {
  try {
    await access(path, mode)
    return true
  } catch {
    return false
  }
}
