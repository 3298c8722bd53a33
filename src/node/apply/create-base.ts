import type { DaemonKind } from '../../manifest/daemon-kinds.ts'
import type { RoutingWord } from '../../manifest/words.ts'
import { createAttachedBird } from './attached/attached-bird.ts'
import { createAttachedFrr } from './attached/attached-frr.ts'
import type { BaseDaemon, BaseOptions } from './base-daemon.ts'
import { createBirdBase } from './bird-base.ts'
import { createFrrBase } from './frr-base.ts'

type Create = (options: BaseOptions) => BaseDaemon

const bases: Readonly<Record<RoutingWord, Readonly<Record<DaemonKind, Create>>>> = {
  managed: { bird: createBirdBase, frr: createFrrBase },
  attached: { bird: createAttachedBird, frr: createAttachedFrr },
}

export function createBase(routing: RoutingWord, kind: DaemonKind, options: BaseOptions): BaseDaemon {
  return bases[routing][kind](options)
}
