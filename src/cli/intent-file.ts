import { readFile, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { writeFileAtomically } from '../bundle/write.ts'
import { intentSchema, type OperatorIntent, serving } from '../controller/intent.ts'
import type { Manifest } from '../planner/manifest.ts'
import type { Log } from '../telemetry/log.ts'

const fileSchema = z.strictObject({ format: z.literal(1), operator: intentSchema })

/** What the operator asked for before: a drain outlives a restart. A damaged file is set aside, and said. */
export async function loadIntent(manifest: Manifest, log: Log): Promise<OperatorIntent> {
  const file = fileOf(manifest)
  let text: string
  try {
    text = await readFile(file, 'utf8')
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code !== 'ENOENT')
      log.error({ event: 'state', file, cause: code }, `${file} can not be read: serving`)
    return serving
  }
  try {
    return fileSchema.parse(JSON.parse(text)).operator
  } catch {
    const aside = `${file}.damaged`
    await rename(file, aside).catch(() => {})
    log.error(
      { event: 'state', file },
      `${file} was damaged and is now ${aside}: serving, as if nobody had drained`,
    )
    return serving
  }
}

export async function saveIntent(manifest: Manifest, operator: OperatorIntent): Promise<void> {
  const file = fileOf(manifest)
  try {
    await writeFileAtomically(file, `${JSON.stringify({ format: 1, operator })}\n`)
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    throw new Error(`it holds now, but would not outlive a restart: ${file} can not be written (${code})`, {
      cause,
    })
  }
}

function fileOf(manifest: Manifest): string {
  return join(manifest.paths.stateDir, 'operator.json')
}
