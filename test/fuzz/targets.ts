// All targets, in the order in which they run.
import type { Target } from './target.ts'
import { engineTargets } from './targets/engine.ts'
import { frameTargets } from './targets/frames.ts'
import { msgpackTargets } from './targets/msgpack.ts'
import { sessionTarget } from './targets/session.ts'
import { socketTargets } from './targets/socket.ts'
import { streamTarget } from './targets/stream-frames.ts'

export const targets: readonly Target[] = [...engineTargets, ...socketTargets, ...msgpackTargets, ...frameTargets, streamTarget, sessionTarget]
