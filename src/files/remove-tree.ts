import { execa } from 'execa'

/**
 * Removes a folder in which another user can write. Node's own `rm` goes by paths, and would follow a link that
 * takes the place of a folder meanwhile; rm(1) does not. Rejects where something stays.
 */
export async function removeTree(dir: string): Promise<void> {
  await execa('rm', ['-rf', '--one-file-system', '--', dir], { stdin: 'ignore' })
}
