import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { promisify } from 'node:util'
import { fieldsOfStat } from '../../../dist/linux/proc.js'
import { readWgPeers } from '../../../dist/linux/wg.js'
import { keyOf } from './fake-peers.mjs'

const run = promisify(execFile)
const timeoutMs = 30_000
/** utime and stime; cutime and cstime. */
const own = [11, 12]
const ofChildren = [13, 14]

/** Milliseconds of processor time that one reading costs: of the programs that it starts, and of wireguard-go. */
export async function measureDumps(folder, peers) {
  const name = `wgb${peers}`
  const child = spawn('wireguard-go', ['--foreground', name], { stdio: 'ignore' })
  try {
    await untilThere(name)
    const config = join(folder, name)
    const peer = (number) =>
      `[Peer]\nPublicKey = ${keyOf(number + 1)}\nAllowedIPs = 10.${number >> 16}.${(number >> 8) & 255}.${number & 255}/32\nEndpoint = 198.51.100.100:51820\n`
    writeFileSync(config, Array.from({ length: peers }, (_, number) => peer(number)).join(''))
    await run('wg', ['addconf', name, config])
    const rounds = Math.max(5, Math.ceil(50_000 / peers))
    const cpu = () => ({ wg: ticksMs('self', ...ofChildren), device: ticksMs(child.pid, ...own) })
    const before = cpu()
    for (let round = 0; round < rounds; round += 1) {
      await readWgPeers(name, () => {}, { timeoutMs })
    }
    const after = cpu()
    return { wgMs: (after.wg - before.wg) / rounds, wireguardGoMs: (after.device - before.device) / rounds }
  } finally {
    child.kill()
    await once(child, 'exit')
  }
}

async function untilThere(name) {
  for (let left = 200; ; left -= 1) {
    try {
      await run('wg', ['show', name, 'public-key'])
      return
    } catch (error) {
      if (left === 0) throw error
      await pause(50)
    }
  }
}

/** The same with the program that stands for wg. */
export async function measureFake(fake) {
  const rounds = 50
  const { PATH } = process.env
  process.env.PATH = `${fake.programs}:${PATH}`
  try {
    const before = ticksMs('self', ...ofChildren)
    for (let round = 0; round < rounds; round += 1) await readWgPeers('wg0', () => {}, { timeoutMs })
    return (ticksMs('self', ...ofChildren) - before) / rounds
  } finally {
    process.env.PATH = PATH
  }
}

/** The sum of fields of proc(5), in ticks of 10 ms. */
function ticksMs(pid, ...places) {
  const fields = fieldsOfStat(readFileSync(`/proc/${pid}/stat`, 'utf8'))
  return places.reduce((sum, place) => sum + Number(fields[place]) * 10, 0)
}
