import { dirname, join } from 'node:path'
import { openRegularFile } from '../../../files/open-regular-file.ts'
import type { ConfigText } from './foreign.ts'

/** Each daemon of FRR that routes. */
const daemons = [
  ...[
    'zebra',
    'staticd',
    'bgpd',
    'ospfd',
    'ospf6d',
    'isisd',
    'ripd',
    'ripngd',
    'eigrpd',
    'babeld',
    'ldpd',
    'pimd',
  ],
  ...['pim6d', 'nhrpd', 'pbrd', 'bfdd', 'fabricd', 'vrrpd', 'pathd'],
]
const mostBytes = 64 * 2 ** 20

/**
 * The files that FRR reads when it starts: frr.conf, or, without it or where vtysh.conf says
 * `no service integrated-vtysh-config`, one for each daemon.
 */
export async function readStartFiles(configFile: string, old: string | null): Promise<ConfigText[]> {
  const dir = dirname(configFile)
  const integrated = old === null ? [] : [{ path: configFile, text: old }]
  const vtysh = await readOptional(join(dir, 'vtysh.conf'))
  const isSplit = /^[ \t]*no service integrated-vtysh-config/m.test(vtysh ?? '')
  if (old !== null && !isSplit) return integrated
  const files = await Promise.all(
    daemons.map(async (daemon) => {
      const path = join(dir, `${daemon}.conf`)
      const text = await readOptional(path)
      return text === null ? [] : [{ path, text }]
    }),
  )
  return [...integrated, ...files.flat()]
}

/** The daemons that FRR's file `daemons` starts beside those that Anyward uses. */
export async function readEnabledDaemons(configFile: string): Promise<string[]> {
  const text = (await readOptional(join(dirname(configFile), 'daemons'))) ?? ''
  return daemons.filter((name) => new RegExp(`^[ \\t]*${name}=["']?(?:yes|1|true)\\b`, 'm').test(text))
}

async function readOptional(path: string): Promise<string | null> {
  const file = await openRegularFile(path)
  if (file === null) return null
  try {
    if ((await file.handle.stat()).size > mostBytes) throw new Error(`${path} is larger than 64 MB`)
    return await file.handle.readFile('utf8')
  } finally {
    await file.handle.close()
  }
}
