import { chmod, lstat, lutimes, readdir } from 'node:fs/promises'
import { join } from 'node:path'

/** Paths below the tree's root with modes that the builder's umask must not change. */
const modes = { DEBIAN: 0o755, 'etc/anyward': 0o750 }
const programs = new Set([
  'usr/lib/anyward/dist/cli/main.js',
  'usr/lib/anyward/scripts/etcd/prepare',
  'usr/lib/anyward/scripts/etcd/users',
  'DEBIAN/postinst',
  'DEBIAN/prerm',
  'DEBIAN/postrm',
])

/** Sets every mode, and the time of the source, so that the time of the build does not change the bytes. */
export async function settleTree(tree, epochS) {
  for (const { path, isDirectory, isSymbolicLink } of await listTree(tree)) {
    const full = join(tree, path)
    if (!isSymbolicLink) {
      await chmod(full, modes[path] ?? (isDirectory || programs.has(path) ? 0o755 : 0o644))
    }
    await lutimes(full, epochS, epochS)
  }
}

/** Bytes of all files, in blocks of 1 KiB as Debian's policy counts them (section 5.6.20). */
export async function measureTree(tree) {
  let bytes = 0
  for (const { path, isDirectory } of await listTree(tree)) {
    bytes += isDirectory ? 1024 : Math.ceil((await lstat(join(tree, path))).size / 1024) * 1024
  }
  return bytes
}

/** Children before their folder, because a change of a child changes the folder's time. */
async function listTree(tree, below = '') {
  const entries = await readdir(join(tree, below), { withFileTypes: true })
  const listed = []
  for (const entry of entries) {
    const path = below === '' ? entry.name : `${below}/${entry.name}`
    if (entry.isDirectory()) listed.push(...(await listTree(tree, path)))
    listed.push({ path, isDirectory: entry.isDirectory(), isSymbolicLink: entry.isSymbolicLink() })
  }
  if (below === '') listed.push({ path: '', isDirectory: true, isSymbolicLink: false })
  return listed
}
