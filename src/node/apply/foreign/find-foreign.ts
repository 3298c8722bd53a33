import type { DaemonKind } from '../../../manifest/daemon-kinds.ts'
import { findForeignInBird } from './bird-foreign.ts'
import type { Foreign } from './foreign.ts'
import { findForeignInFrr } from './frr-foreign.ts'
import type { ForeignOptions } from './options.ts'

/** For each daemon, what an apply would remove that no bundle has written. Throws DaemonError. */
export const findForeign: Readonly<Record<DaemonKind, (options: ForeignOptions) => Promise<Foreign[]>>> = {
  bird: findForeignInBird,
  frr: findForeignInFrr,
}
