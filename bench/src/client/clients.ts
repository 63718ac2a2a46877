// The clients that are compared: what a program in Node imports, and the bundle for pages.
import { copyFileSync, existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { root } from '../runtime.ts'

export interface Client {
  readonly library: string
  /** Where its bundles are. */
  readonly dist: string
}

/** In the order of the table. */
export const clients = {
  official: {
    library: 'socket.io-client-4.8.4',
    dist: join(root, 'node_modules/socket.io-client-4.8.4/dist'),
  },
  tidewire: { library: '@tidewire/client', dist: join(root, 'packages/client/dist') },
} as const satisfies Record<string, Client>

export type ClientName = keyof typeof clients

/** The bundle that a page loads as a module; undefined where it is not built. */
export function bundleOf({ dist }: Client): string | undefined {
  const file = join(dist, 'socket.io.esm.min.js')
  return existsSync(file) ? file : undefined
}

/** A copy of the bundle under a name that tells every Node that it is a module. */
export function importableBundle(name: ClientName): string | undefined {
  const file = bundleOf(clients[name])
  if (file === undefined) return undefined
  const folder = join(root, 'bench/dist/client')
  const copy = join(folder, `bundle-${name}.mjs`)
  mkdirSync(folder, { recursive: true })
  copyFileSync(file, copy)
  return copy
}
