// Who is connected, on whatever node. Each node counts the sockets that it has and tells the others who came and who went; a node that
// leaves the cluster takes its users along.
import type { Namespace, Server } from 'tidewire'

export class Presence {
  readonly #im: Namespace
  readonly #node: string
  /** Sockets of each user on this node. */
  readonly #sockets = new Map<string, number>()
  /** Users on the other nodes. */
  readonly #elsewhere = new Map<string, Set<string>>()

  constructor(io: Server) {
    this.#im = io.of('/im')
    const { cluster } = io
    this.#node = cluster?.incarnation ?? ''
    if (cluster === undefined) return
    this.#im.on(
      'online' as never,
      ((node: string, users: string[]) => this.#handleOnline(node, users)) as never,
    )
    this.#im.on(
      'offline' as never,
      ((node: string, user: string) => {
        this.#elsewhere.get(node)?.delete(user)
      }) as never,
    )
    cluster.on('join', () => this.#tell('online', [...this.#sockets.keys()]))
    cluster.on('leave', ({ incarnation }: { incarnation: string }) => this.#handleNodeGone(incarnation))
  }

  /** True when this was the first socket of the user. */
  enter(user: string): boolean {
    const isFirst = !this.has(user)
    const count = this.#sockets.get(user) ?? 0
    this.#sockets.set(user, count + 1)
    if (count === 0) this.#tell('online', [user])
    return isFirst
  }

  /** True when this was the last socket of the user. */
  leave(user: string): boolean {
    const count = (this.#sockets.get(user) ?? 1) - 1
    if (count > 0) this.#sockets.set(user, count)
    else if (this.#sockets.delete(user)) this.#tell('offline', user)
    return !this.has(user)
  }

  has(user: string): boolean {
    if (this.#sockets.has(user)) return true
    for (const users of this.#elsewhere.values()) if (users.has(user)) return true
    return false
  }

  count(users: readonly string[]): number {
    return users.filter((user) => this.has(user)).length
  }

  #tell(event: string, what: unknown): void {
    this.#im.serverSideEmit(event, this.#node, what)
  }

  #handleOnline(node: string, users: readonly string[]): void {
    const known = this.#elsewhere.get(node) ?? new Set()
    this.#elsewhere.set(node, known)
    for (const user of users) known.add(user)
  }

  #handleNodeGone(node: string): void {
    const users = this.#elsewhere.get(node)
    this.#elsewhere.delete(node)
    for (const user of users ?? [])
      if (!this.has(user)) this.#im.local.emit('presence', { user, online: false })
  }
}
