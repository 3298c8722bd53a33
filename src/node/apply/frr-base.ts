import { dirname, join } from 'node:path'
import { isListening } from '../../files/unix-socket.ts'
import { frrDaemonsOf } from '../../syntax/frr-daemons.ts'
import { maskFrrSecrets } from '../../syntax/mask-secrets.ts'
import { readRouterLine } from '../routing/frr/router-line.ts'
import { readByScratchDaemons, type ScratchReading } from '../routing/frr/scratch.ts'
import { Vtysh } from '../routing/frr/vtysh.ts'
import { type BaseDaemon, type BaseOptions, type Gone, NotTakenError } from './base-daemon.ts'
import { isAnnouncement, keyOf, type Line, type Lines, readLines, without } from './frr-lines.ts'
import { commandsToAdd, commandsToEnd, commandsToRemove, commandsToReset, findGap } from './frr-steps.ts'

/** Each round adds, then removes what the additions did not replace. Some lines depend on lines of the round before. */
const rounds = 3

/**
 * FRR takes its configuration line by line, and does not read its file again. So the difference between the running and
 * the new configuration is computed in FRR's own notation: scratch daemons print the old and the new file. Only lines of
 * the old file are removed; lines that an operator entered stay, unless the whole configuration is replaced.
 */
export function createFrrBase({ daemonSocket, content, installed, replaces }: BaseOptions): BaseDaemon {
  const vtysh = new Vtysh(dirname(daemonSocket))
  let before: Lines = new Map()
  let after: Lines = new Map()
  let defaults: Lines = new Map()
  let former: string | null = null
  // A `network` line of a file is one of alwaysAnnounce.
  const isRuntime = (line: Line) =>
    isAnnouncement(line) && !before.has(keyOf(line)) && !after.has(keyOf(line))
  const obsolete = (key: string) => (replaces ? !defaults.has(key) && !isOfMachine(key) : before.has(key))
  return {
    get former() {
      return former
    },
    async check() {
      const absent = await findAbsent(dirname(daemonSocket), content)
      if (absent.length > 0) return absent
      const { old, fresh } = await readBoth(installed, content)
      before = old
      after = configured(fresh)
      defaults = readLines(fresh.empty)
      return fresh.complaints.map((complaint) => `frr.conf: ${maskFrrSecrets(complaint)}`)
    },
    saysTheSame: () =>
      installed !== null && without(before, after).size === 0 && without(after, before).size === 0,
    async snapshot() {
      former = await vtysh.readRunning()
      return describeUndo(readLines(former), after, obsolete, isRuntime)
    },
    activate: () => converge(vtysh, after, obsolete, isRuntime),
    isOvertaken: async () => false,
    confirm: async () => true,
    forget: (gone) => forgetAnnouncements(vtysh, gone),
    async revert(snapshot) {
      if (former === null) await undoLater(vtysh, snapshot)
      else await converge(vtysh, readLines(former), () => true, isRuntime)
    },
    close: async () => {},
  }
}

interface Undo {
  readonly wanted: readonly Line[]
  readonly obsolete: readonly string[]
}

/**
 * The lines that an apply removes, and those that it adds. Nothing else may be reverted later: an engineer may have
 * changed the node since.
 */
function describeUndo(
  running: Lines,
  after: Lines,
  obsolete: (key: string) => boolean,
  isRuntime: (line: Line) => boolean,
): string {
  const wanted = [...running].filter(([key, line]) => obsolete(key) && !after.has(key) && !isRuntime(line))
  const undo: Undo = {
    wanted: wanted.map(([, line]) => line),
    obsolete: [...after.keys()].filter((key) => !running.has(key)),
  }
  return JSON.stringify(undo)
}

/** Undoes an apply that another process has begun. Throws a NotTakenError. */
export async function undoLater(vtysh: Vtysh, snapshot: string | null): Promise<void> {
  // An older version wrote the running configuration here.
  const isText = snapshot !== null && !snapshot.startsWith('{')
  if (isText) return converge(vtysh, readLines(snapshot), () => true)
  const { wanted, obsolete } = JSON.parse(snapshot ?? '{"wanted":[],"obsolete":[]}') as Undo
  const lines = new Map(wanted.map((line) => [keyOf(line), line]))
  const added = new Set(obsolete)
  const isRuntime = (line: Line) => isAnnouncement(line) && !lines.has(keyOf(line)) && !added.has(keyOf(line))
  await converge(vtysh, lines, (key) => added.has(key), isRuntime)
}

/** Removes the `network` lines that the controller of the earlier bundle added, and that of the new one does not know. */
export async function forgetAnnouncements(vtysh: Vtysh, { prefixes, vrfs, own }: Gone): Promise<void> {
  if (prefixes.size === 0 && vrfs.size === 0) return
  const lines = [...readLines(await vtysh.readRunning()).values()].filter((line) => {
    if (!isAnnouncement(line)) return false
    const prefix = line.at(-1)!.split(' ')[1]!
    return prefixes.has(prefix) || (vrfs.has(readRouterLine(line[0])!.vrf) && own.has(prefix))
  })
  const commands = lines.flatMap(([router, family, line]) => [
    ...[router, family!, `no ${line}`, 'exit-address-family', 'exit'],
  ])
  if (commands.length > 0) await vtysh.configure(commands)
}

/** Extra configuration may need daemons that do not run: vtysh drops their lines. */
async function findAbsent(sockets: string, content: string): Promise<string[]> {
  const absent: string[] = []
  for (const name of frrDaemonsOf(content)) {
    if (await isListening(join(sockets, `${name}.vty`))) continue
    absent.push(`frr.conf: ${name} does not run: set ${name}=yes in /etc/frr/daemons, and restart FRR`)
  }
  return absent
}

/** The lines of the installed file, of which there may be none, and what scratch daemons say of the new one. */
export async function readBoth(
  installed: string | null,
  content: string,
): Promise<{ readonly old: Lines; readonly fresh: ScratchReading }> {
  const [old, fresh] = await Promise.all([
    installed === null ? null : readByScratchDaemons(installed),
    readByScratchDaemons(content),
  ])
  return { old: old === null ? new Map() : configured(old), fresh }
}

/** Without the lines that the daemons print with an empty configuration, for example because of sysctls. */
export function configured({ running, empty }: ScratchReading): Lines {
  return without(readLines(running), readLines(empty))
}

/** Adds the wanted lines to the running configuration, and removes the obsolete ones. Throws a NotTakenError. */
export async function converge(
  vtysh: Vtysh,
  wanted: Lines,
  obsolete: (key: string) => boolean,
  isRuntime: (line: Line) => boolean = isAnnouncement,
): Promise<void> {
  const look = async () => findGap(readLines(await vtysh.readRunning()), wanted, obsolete, isRuntime)
  const replies: string[] = []
  for (let round = 0; round < rounds; round += 1) {
    let gap = await look()
    const defaults = gap.excess.filter(isDefault)
    const first = [...commandsToRemove({ missing: [], excess: defaults }, round), ...commandsToEnd(gap)]
    if (first.length > 0) {
      replies.push(...(await vtysh.configure(first)))
      gap = await look()
    }
    if (gap.missing.length > 0) {
      replies.push(...(await vtysh.configure(commandsToAdd(gap))))
      for (const command of commandsToReset(gap)) await vtysh.show(command)
      gap = await look()
    }
    if (gap.excess.length > 0) replies.push(...(await vtysh.configure(commandsToRemove(gap, round))))
  }
  const { missing, excess } = await look()
  if (missing.length === 0 && excess.length === 0) return
  const lines = [
    ...missing.map((line) => `does not accept "${keyOf(line).replaceAll('\0', ' / ')}"`),
    ...excess.map((line) => `keeps "${keyOf(line).replaceAll('\0', ' / ')}"`),
  ]
  const words = [...lines.slice(0, 5), ...new Set(replies)].map(maskFrrSecrets).slice(0, 10)
  throw new NotTakenError(`FRR ${words.join('; ')}`)
}

/**
 * `no bgp default ipv4-unicast` and its like decide whether bgpd prints `activate` at a neighbor. They change no session, so they
 * go first: otherwise the removal of a printed `activate` ends the session.
 */
function isDefault(line: Line): boolean {
  return line.length === 2 && readRouterLine(line[0]) !== null && /^(?:no )?bgp default /.test(line[1]!)
}

/** Lines that FRR prints about the kernel's settings. */
function isOfMachine(key: string): boolean {
  return /^(?:no )?(?:ip|ipv6) forwarding$/.test(key)
}
