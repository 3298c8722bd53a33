import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import { execa } from 'execa'

/**
 * A machine of its own, as far as a program can see: its network, its processes, and its /etc, /run and /var/lib. All of
 * it ends with `end`.
 */
export class Machine {
  readonly #keeper: ReturnType<typeof spawn>
  readonly #pid: string

  private constructor(keeper: ReturnType<typeof spawn>, pid: string) {
    this.#keeper = keeper
    this.#pid = pid
  }

  static async start(): Promise<Machine> {
    const script = `set -e
      mount -t tmpfs tmpfs /mnt && cp -a /etc /mnt/etc && mount --bind /mnt/etc /etc
      for dir in /run /var/lib; do mount -t tmpfs tmpfs $dir; done
      mkdir -p /run/netns /run/wireguard /run/bird /etc/bird && ip link set lo up
      echo ready; exec sleep infinity`
    const isolated = ['--mount', '--net', '--pid', '--fork', '--kill-child', '--mount-proc']
    const keeper = spawn('unshare', [...isolated, 'sh', '-c', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const [line] = (await once(createInterface({ input: keeper.stdout! }), 'line')) as [string]
    if (line !== 'ready') throw new Error(line)
    const children = await readFile(`/proc/${keeper.pid}/task/${keeper.pid}/children`, 'utf8')
    return new Machine(keeper, children.trim())
  }

  /** A line as it is typed, in a folder that only this machine has. */
  type(line: string) {
    const enter = ['--target', this.#pid, '--mount', '--net', '--pid']
    return execa('nsenter', [...enter, 'sh', '-c', `cd /mnt && ${line}`], {
      reject: false,
      stdin: 'ignore',
      all: true,
    })
  }

  async end(): Promise<void> {
    const ended = once(this.#keeper, 'exit')
    this.#keeper.kill('SIGKILL')
    await ended
  }
}
