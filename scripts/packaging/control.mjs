import { cp, mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const here = fileURLToPath(new URL('debian/', import.meta.url))

/** Writes the files that dpkg reads and runs. */
export async function writeControlFiles({ tree, version, sizeBytes }) {
  const folder = join(tree, 'DEBIAN')
  await mkdir(folder)
  for (const name of ['conffiles', 'postinst', 'prerm', 'postrm']) {
    await cp(join(here, name), join(folder, name))
  }
  const template = await readFile(join(here, 'control.in'), 'utf8')
  const control = template
    .replace('@version@', version)
    .replace('@size@', String(Math.ceil(sizeBytes / 1024)))
  await writeFile(join(folder, 'control'), control)
}
