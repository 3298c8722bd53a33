import { checkNft } from '../../../../linux/nft.ts'
import { findMissingPrograms, type MissingProgram } from '../../../../linux/programs.ts'
import { RunError } from '../../../../linux/run.ts'
import { defaultGroup, renderTable, strayServiceOf } from '../../../rescue/stray/ruleset.ts'
import { type Check, error, type Found, unseen } from '../../check.ts'

/** Whether the controller can see packets of sessions at other sites. */
export const strayWatch: Check = {
  name: 'stray-packets',
  reads:
    'with `rescue`: nft and perl, and whether nft and the kernel accept the rules that find packets of sessions at other sites',
  async examine({ manifest, services }) {
    if ((manifest?.rescue ?? null) === null) return []
    const missing = await findMissingPrograms(['nft', 'perl'])
    if (missing.length > 0) return [judgeMissing(missing)]
    try {
      await checkNft(renderTable(services.map(strayServiceOf), defaultGroup, 'owner_check'))
      return []
    } catch (cause) {
      if (!(cause instanceof RunError) || cause.kind !== 'failed') throw cause
      return [judgeRefusal(cause.words)]
    }
  },
}

const without = 'a client whose path moves here unannounced is without service until its own timers act'

export function judgeMissing(missing: readonly MissingProgram[]): Found {
  const programs = missing.map(({ program }) => program).join(' and ')
  const names = missing.map(({ package: name }) => name).join(' ')
  return error(`${programs} missing, which find stray packets: ${without}`, `apt-get install ${names}`)
}

/** @param output of nft */
export function judgeRefusal(output: string): Found {
  if (/Operation not permitted/.test(output)) {
    return unseen('the rules that find stray packets were not checked: nft is not permitted to')
  }
  const [, words] = /Error: ([^\n]*)/.exec(output) ?? [null, output]
  return error(
    `nft refuses the rules that find stray packets (${words}): ${without}`,
    'load the kernel modules nf_tables and nfnetlink_log, and use nftables 1.0.6 or later',
  )
}
