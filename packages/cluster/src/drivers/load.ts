// Client libraries are optional peers: loaded when a driver connects, and a missing one is an error with the line that installs it.
import { TidewireError } from '@tidewire/protocol'

/** @throws TidewireError TW_ERR_MISSING_PACKAGE */
export async function loadClient<Module>(
  bus: string,
  ...packages: readonly string[]
): Promise<Module & { packageName: string }> {
  let cause: unknown
  for (const packageName of packages) {
    try {
      const loaded = (await import(packageName)) as Module & { default?: Module }
      // A CommonJS package whose names are not seen has them on its default export.
      return Object.assign(Object.create(null) as object, loaded.default, loaded, {
        packageName,
      }) as Module & { packageName: string }
    } catch (error) {
      cause = error
      if ((error as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') break
    }
  }
  throw new TidewireError(
    'TW_ERR_MISSING_PACKAGE',
    `a cluster over ${bus} needs the package ${packages.map((name) => `"${name}"`).join(' or ')}, which cannot be loaded: npm install ${packages[0]}`,
    { cause },
  )
}

/** The engine did not answer in time. */
export function unreachable(bus: string, where: string, cause: unknown): TidewireError {
  return new TidewireError(
    'TW_ERR_BUS_UNREACHABLE',
    `the bus (${bus}) at ${where} cannot be reached: check that it runs, the address and the credentials`,
    { cause, retryable: true },
  )
}

/** For messages: an address without its credentials. */
export function withoutCredentials(url: string): string {
  return url.replace(/\/\/[^@/]*@/, '//')
}

/** Nobody but the processes of this machine can reach a loopback address. */
export function isLoopback(host: string | undefined): boolean {
  return host !== undefined && /^(localhost|127(\.\d+){3}|\[?::1\]?)$/.test(host)
}

/** undefined for several hosts, or none that can be read: then nobody vouches for them. */
export function hostOf(url: string): string | undefined {
  try {
    return new URL(url).hostname
  } catch {
    return undefined
  }
}

/** What may wait for the engine before messages are dropped: more than a node's links ever have in flight. */
export const MAX_PENDING_BYTES: number = 32 << 20
/** How long `connect` tries before it gives up. */
export const CONNECT_TIMEOUT_MS = 5_000
