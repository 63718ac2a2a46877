// The bus that a URL names. Drivers are loaded when they are asked for: each needs a package of its engine.
import { TidewireError } from '@tidewire/protocol'
import type { Bus } from './bus.ts'

/** @throws TidewireError TW_ERR_CLUSTER_OPTION for a URL of no known engine, TW_ERR_MISSING_PACKAGE without the engine's package */
export function busFromUrl(url: string): Promise<Bus> {
  const scheme = /^([a-z][a-z0-9+.-]*):/.exec(url)?.[1] ?? ''
  throw new TidewireError('TW_ERR_CLUSTER_OPTION', `the cluster's bus "${scheme}:" is none that is known`)
}
