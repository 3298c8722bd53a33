import { readFile, rm } from 'node:fs/promises'
import * as z from 'zod'
import { daemonKinds } from '../../manifest/daemon-kinds.ts'
import { routingWords } from '../../manifest/words.ts'
import { installFiles } from './files.ts'
import { journalPath } from './lock.ts'

const pathSchema = z.string().regex(/^\/[^\0]{1,4095}$/)
const idSchema = z.int().min(0).max(4_294_967_294)

const journalSchema = z.strictObject({
  format: z.literal(1),
  node: z.string(),
  daemon: z.enum(daemonKinds),
  routing: z.enum(routingWords).default('managed'),
  daemonSocket: pathSchema,
  configFile: pathSchema,
  /** The state of the files before the apply. */
  files: z.array(
    z.strictObject({
      path: pathSchema,
      content: z.string().nullable(),
      mode: z.int().min(0).max(0o7777),
      uid: idSchema,
      gid: idSchema,
    }),
  ),
  /**
   * SHA-256 of the configuration file as the apply installs it. With another content than this one and the former one,
   * an engineer has changed the file since.
   */
  configHash: z.string().optional(),
  /** The lines of FRR to restore and to remove. `null` for BIRD, which reads its file again. */
  running: z.string().nullable(),
  /** Whether the daemon may have read the files of the apply. */
  activated: z.boolean().default(true),
})

/** The state that an interrupted apply must restore. It contains passwords, so only root may read it. */
export type Journal = z.infer<typeof journalSchema>

export class JournalError extends Error {
  override readonly name = 'JournalError'
  readonly file: string

  constructor(file: string, cause: unknown) {
    super(`${file} cannot be read`, { cause })
    this.file = file
  }
}

export async function writeJournal(bundleDir: string, journal: Journal): Promise<void> {
  const content = JSON.stringify(journal)
  const owner = { uid: process.getuid!(), gid: process.getgid!() }
  await installFiles([{ path: journalPath(bundleDir), content, mode: 0o600, ...owner }])
}

/** Reads the journal of an interrupted apply; `null`: there is none. Throws JournalError. */
export async function readJournal(bundleDir: string): Promise<Journal | null> {
  const path = journalPath(bundleDir)
  try {
    return journalSchema.parse(JSON.parse(await readFile(path, 'utf8')))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw new JournalError(path, error)
  }
}

export async function removeJournal(bundleDir: string): Promise<void> {
  await rm(journalPath(bundleDir), { force: true })
}
