import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { execa } from 'execa'
import type { LinkSnapshot } from '../health/links.ts'

// PLACEHOLDER by the controller's author until the real one (monitor first, then full read, restarts, tests) lands: replace freely.
export function watchLinks(options: {
  onChange: (snapshot: LinkSnapshot) => void
  onError: (error: Error) => void
}): { close(): Promise<void> } {
  const monitor = spawn('ip', ['-o', 'monitor', 'link', 'address'], { stdio: ['ignore', 'pipe', 'ignore'] })
  const links = new Map<string, { up: boolean; addresses: string[] }>()
  const read = async () => {
    const { stdout } = await execa('ip', ['-j', 'addr', 'show'])
    links.clear()
    for (const link of JSON.parse(stdout) as { ifname: string; flags: string[]; addr_info: { local: string }[] }[]) {
      links.set(link.ifname, { up: link.flags.includes('UP'), addresses: link.addr_info.map((a) => a.local) })
    }
    options.onChange(links)
  }
  createInterface({ input: monitor.stdout }).on('line', (line) => {
    const deleted = /^Deleted \d+: ([^@:\s]+)(?:@\S+)?: </.exec(line)
    if (deleted) {
      links.delete(deleted[1]!)
      options.onChange(links)
    }
    read().catch((error: Error) => options.onError(error))
  })
  read().catch((error: Error) => options.onError(error))
  return {
    close: async () => {
      monitor.kill()
    },
  }
}
