import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { promisify } from 'node:util'
import { keyOf } from './fake-peers.mjs'

const run = promisify(execFile)
const fields = ['latest-handshakes', 'transfer', 'endpoints']

/** Milliseconds of processor time that one reading costs, of its three lists: of wg, and of wireguard-go. */
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
    const cpu = () => ({ wg: ticksMs('self', 15, 16), device: ticksMs(child.pid, 13, 14) })
    const before = cpu()
    for (let round = 0; round < rounds; round += 1) {
      for (const field of fields) await run('wg', ['show', name, field], { maxBuffer: 2 ** 26 })
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

/** Of the program that stands for wg. */
export async function measureFake(fake) {
  const rounds = 50
  const before = ticksMs('self', 15, 16)
  for (let round = 0; round < rounds; round += 1) {
    for (const field of fields)
      await run(join(fake.programs, 'wg'), ['show', 'wg0', field], { maxBuffer: 2 ** 26 })
  }
  return (ticksMs('self', 15, 16) - before) / rounds
}

/** Two fields of proc_pid_stat(5), counted from 0. */
function ticksMs(pid, ...places) {
  const words = readFileSync(`/proc/${pid}/stat`, 'latin1')
    .replace(/\(.*\)/s, 'x')
    .split(' ')
  return places.reduce((sum, place) => sum + Number(words[place]) * 10, 0)
}
