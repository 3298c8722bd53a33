import { execa } from 'execa'

/**
 * Removes a folder in which another user can write. Node's own `rm` uses paths, and would follow a link that
 * replaces a folder meanwhile; rm(1) does not. Rejects if anything remains.
 */
export async function removeTree(dir: string): Promise<void> {
  await execa('rm', ['-rf', '--one-file-system', '--', dir], { stdin: 'ignore' })
}
