import type { DaemonKind } from '../../manifest/daemon-kinds.ts'
import type { BaseDaemon, BaseOptions } from './base-daemon.ts'
import { createBirdBase } from './bird-base.ts'
import { createFrrBase } from './frr-base.ts'

const bases: Readonly<Record<DaemonKind, (options: BaseOptions) => BaseDaemon>> = {
  bird: createBirdBase,
  frr: createFrrBase,
}

export function createBase(kind: DaemonKind, options: BaseOptions): BaseDaemon {
  return bases[kind](options)
}
