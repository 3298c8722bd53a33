import { findMissingPrograms, type MissingProgram } from '../../../../linux/programs.ts'
import { RunError } from '../../../../linux/run.ts'
import { error, type Found, unseen } from '../../check.ts'

/** What rescues on a stray packet need of the machine, as nft says of `strayRules`. */
export interface StrayNeeds {
  readonly missing: readonly MissingProgram[]
  /** `null`: nft and the kernel accept the rules. */
  readonly refusal: RunError | null
}

/** Every statement of the watch's table, for `nft --check`, which changes nothing. */
export const strayRules = `table inet anyward_check {
  set own { typeof @th,96,32; flags dynamic,timeout; timeout 190s; size 16; }
  limit events { rate 2000/second burst 2000 packets; }
  chain learn {
    type filter hook output priority raw;
    udp sport 51820 @th,64,32 0x02000000 update @own { @th,96,32 }
  }
  chain watch {
    type filter hook prerouting priority raw;
    @th,96,32 != @own limit name "events" log group 5182 snaplen 96 queue-threshold 1
  }
}
`

export const strayPrograms = ['nft', 'perl'] as const

/** `check` runs `nft --check`, and throws RunError. */
export async function readStrayNeeds(check: (rules: string) => Promise<unknown>): Promise<StrayNeeds> {
  const missing = await findMissingPrograms(strayPrograms)
  if (missing.length > 0) return { missing, refusal: null }
  try {
    await check(strayRules)
    return { missing, refusal: null }
  } catch (cause) {
    if (!(cause instanceof RunError)) throw cause
    return { missing, refusal: cause }
  }
}

export function judgeStrayNeeds({ missing, refusal }: StrayNeeds): readonly Found[] {
  const without = 'a client whose path moves here unannounced is without service until its own timers act'
  if (missing.length > 0) {
    const names = missing.map(({ package: name }) => name).join(' ')
    const programs = missing.map(({ program }) => program).join(' and ')
    return [error(`${programs} missing, which find stray packets: ${without}`, `apt-get install ${names}`)]
  }
  if (refusal === null) return []
  if (/Operation not permitted/.test(refusal.words)) {
    return [unseen('the rules that find stray packets were not checked: nft is not permitted to')]
  }
  const [, words] = /Error: ([^\n]*)/.exec(refusal.words) ?? [null, refusal.words]
  return [
    error(
      `nft refuses the rules that find stray packets (${words}): ${without}`,
      'load the kernel modules nf_tables and nfnetlink_log, and use nftables 1.0.6 or later',
    ),
  ]
}
