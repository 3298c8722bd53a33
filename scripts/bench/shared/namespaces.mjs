import { spawn } from 'node:child_process'
import { once } from 'node:events'

/**
 * Runs the bench again in namespaces of its own, so that a lab can run beside it, and everything ends with this process. The
 * shell stays: as the first process it reaps orphans. Resolves with the exit code.
 */
export async function runInside(file, args) {
  const script = [
    'mount -t tmpfs tmpfs /run && mount -t tmpfs tmpfs /var/tmp',
    'mkdir -p /run/netns /run/wireguard && ip link set lo up',
    '"$@"; exit $?',
  ].join(' && ')
  const unshare = ['-m', '-n', '-p', '--fork', '--kill-child=SIGKILL', '--mount-proc']
  const own = [process.execPath, file, '--inside', ...args]
  const argv = [...unshare, '--propagation', 'private', 'sh', '-c', script, 'sh', ...own]
  // In a session of its own, so that its priority affects no other process.
  const child = spawn('unshare', argv, { stdio: 'inherit', detached: true })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(signal, () => child.kill('SIGKILL'))
  const [code] = await once(child, 'close')
  return code ?? 2
}
