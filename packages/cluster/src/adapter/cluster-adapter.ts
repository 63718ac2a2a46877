// The adapter of one namespace in a cluster: what the adapter of a single node does, and the same on the other nodes that it concerns. Made
// over the server's own class (in memory, or with connection state recovery), which serves the sockets of this node.
import { decodeBody, encodeBody } from '@tidewire/protocol'
import type { PacketBody, SocketPacket } from '@tidewire/protocol'
import type { Adapter, BroadcastOptions, LostNode, Room, SocketId } from 'tidewire'
import { MESSAGE, writeSelection } from '../wire/adapter-messages.ts'
import type { MessageReader } from '../wire/bytes.ts'
import type { AdapterService, Gap, LocalNamespace, OwnNamespace } from './adapter-service.ts'
import type { Peer } from './peer.ts'
import { Request } from './request.ts'

const EVERYWHERE: BroadcastOptions = { rooms: new Set() }

/** An adapter of the server that rooms over nodes are added to. */
export type AdapterClass = new (nsp: any) => Adapter

/** The class that `io.adapter()` takes. `Base` is the server's own, so that `instanceof` and recovery go on as they do without a cluster. */
export function createClusterAdapter(service: AdapterService, Base: AdapterClass): AdapterClass {
  return class ClusterAdapter extends Base implements LocalNamespace {
    readonly #own: OwnNamespace

    constructor(nsp: any) {
      super(nsp)
      this.#own = service.add(this)
    }

    get name(): string {
      return this.nsp.name
    }

    override close(): Promise<void> | void {
      service.remove(this.#own)
      return super.close()
    }

    override serverCount(): Promise<number> {
      return Promise.resolve(1 + service.serversOf(this.#own).length)
    }

    // ---- rooms

    override addAll(id: SocketId, rooms: Set<Room>): Promise<void> | void {
      const added = super.addAll(id, rooms)
      for (const room of rooms)
        if (this.#own.interest.announcementOf(room) === undefined) service.announcer.touch(this.#own, room)
      const known = service.announcer.whenKnown(this.#own, rooms)
      return known === undefined || added === undefined
        ? (known ?? added)
        : Promise.all([added, known]).then(() => {})
    }

    override del(id: SocketId, room: Room): Promise<void> | void {
      const left = super.del(id, room)
      if (!this.rooms.has(room)) service.announcer.touch(this.#own, room)
      return left
    }

    override delAll(id: SocketId): void {
      const rooms = this.sids.get(id)
      super.delAll(id)
      if (rooms !== undefined) this.#touchEmpty(rooms)
    }

    protected override releaseRooms(rooms: Iterable<Room>): void {
      super.releaseRooms(rooms)
      this.#touchEmpty(rooms)
    }

    #touchEmpty(rooms: Iterable<Room>): void {
      for (const room of rooms) if (!this.rooms.has(room)) service.announcer.touch(this.#own, room)
    }

    isWanted(room: Room): boolean {
      return this.rooms.has(room) || this.keepsRoom(room)
    }

    // ---- broadcasts

    override broadcast(packet: SocketPacket, options: BroadcastOptions): void {
      const encoded = this.encode(packet)
      const { peers, isFlood } = service.targetsOf(this.#own, options)
      // First to the others: an event that cannot be encoded reaches nobody.
      if (peers.length > 0) service.broadcast(this.#own, peers, isFlood, encoded.body, options)
      this.dispatch(encoded, options)
    }

    override broadcastWithAck(
      packet: SocketPacket,
      options: BroadcastOptions,
      clientCount: (count: number) => void,
      ack: (...args: any[]) => void,
      lost?: (nodes: readonly LostNode[], clients: number) => void,
    ): void {
      packet.id = this.nsp.nextAckId()
      const encoded = this.encode(packet)
      const servers = service.serversOf(this.#own)
      const { peers, isFlood } = service.targetsOf(this.#own, options)
      if (peers.length > 0)
        this.#askClients(encoded.body, { options, peers, isFlood, servers }, { clientCount, ack, lost })
      // Every node is counted, those without recipients too: that is how the caller knows that all have spoken.
      for (const server of servers) if (!peers.includes(server)) clientCount(0)
      this.deliverWithAck(encoded, options, clientCount, ack)
    }

    #askClients(
      body: PacketBody,
      {
        options,
        peers,
        isFlood,
        servers,
      }: { options: BroadcastOptions; peers: Peer[]; isFlood: boolean; servers: readonly Peer[] },
      {
        clientCount,
        ack,
        lost,
      }: {
        clientCount: (count: number) => void
        ack: (...args: any[]) => void
        lost: ((nodes: readonly LostNode[], clients: number) => void) | undefined
      },
    ): void {
      /** Clients of each node that have not answered; undefined until it has counted them. */
      const unanswered = new Map<Peer, number | undefined>()
      const request = new Request({
        handleLost: (peer) => {
          const clients = unanswered.get(peer)
          // In this order: what ends the waiting must know that the answer is not complete.
          lost?.([{ incarnation: peer.incarnation, name: peer.member.info.name }], clients ?? 0)
          if (clients === undefined && servers.includes(peer)) clientCount(0)
        },
        handleEnd: () => {
          service.requests.delete(id)
          cancel?.()
        },
      })
      const id = this.#register(request, (peer, kind, reader) => {
        if (kind === MESSAGE.count) {
          const count = reader.number()
          unanswered.set(peer, count)
          clientCount(count)
        } else {
          unanswered.set(peer, unanswered.get(peer)! - 1)
          ack(...decodeBody(reader.body()))
        }
        if (unanswered.get(peer) === 0) request.complete(peer.incarnation)
      })
      const { timeout } = options.flags ?? {}
      const cancel =
        timeout === undefined ? undefined : service.options.clock.after(timeout, () => this.#forget(id))
      const message = writeSelection(
        service.writer.start(MESSAGE.ask).number(id).number(this.#own.number),
        options,
        isFlood,
      ).body(body).message
      for (const peer of peers) peer.post(message)
      // A suspect node gets the event, and nobody waits for its answer.
      for (const peer of peers) if (servers.includes(peer) || !peer.isAlive) request.ask(peer)
      request.start()
    }

    #register(request: Request, handle: (peer: Peer, kind: number, reader: MessageReader) => void): number {
      const id = service.nextRequest()
      service.requests.set(id, { request, handle })
      return id
    }

    /** Nobody is interested any more. */
    #forget(id: number): void {
      service.requests.delete(id)
    }

    // ---- questions

    override async fetchSockets(options: BroadcastOptions): Promise<any[]> {
      const sockets: any[] = await super.fetchSockets(options)
      const found = [...sockets]
      const lost = await this.#query(MESSAGE.fetch, options, (reader) => {
        for (const details of decodeBody(reader.body())) found.push(details)
      })
      return withMissingNodes(found, lost)
    }

    override async sockets(rooms: Set<Room>): Promise<Set<SocketId>> {
      const ids = new Set(await super.sockets(rooms))
      const lost = await this.#query(MESSAGE.fetchIds, { rooms }, (reader) => {
        for (const id of reader.texts()) ids.add(id)
      })
      return withMissingNodes(ids, lost)
    }

    /** Asks the nodes that the selection concerns; a node that says nothing for long is not waited for. */
    #query(
      kind: number,
      options: BroadcastOptions,
      add: (reader: MessageReader) => void,
    ): Promise<readonly LostNode[]> {
      const { peers } = service.targetsOf(this.#own, options)
      if (peers.length === 0) return Promise.resolve([])
      return new Promise((resolve) => {
        let cancel: (() => void) | undefined
        const request = new Request({
          handleEnd: (lost) => {
            service.requests.delete(id)
            cancel?.()
            resolve(lost)
          },
        })
        const arm = (): void => {
          cancel?.()
          cancel = service.options.clock.after(service.options.queryTimeoutMs, () => request.expire())
        }
        const id = this.#register(request, (peer, _kind, reader) => {
          const isLast = reader.byte() === 1
          add(reader)
          if (isLast) request.complete(peer.incarnation)
          else arm()
        })
        const message = writeSelection(
          service.writer.start(kind).number(id).number(this.#own.number),
          options,
          false,
        ).message
        for (const peer of peers) if (peer.isAlive) peer.post(message)
        arm()
        for (const peer of peers) request.ask(peer)
        request.start()
      })
    }

    socketsHere(options: BroadcastOptions): Promise<any[]> {
      return super.fetchSockets(options)
    }

    // ---- commands

    override addSockets(options: BroadcastOptions, rooms: Room[]): void {
      service.command(this.#own, 'join', options, new Set(rooms))
      super.addSockets(options, rooms)
    }

    joinHere(options: BroadcastOptions, rooms: Room[]): void {
      super.addSockets(options, rooms)
    }

    override delSockets(options: BroadcastOptions, rooms: Room[]): void {
      service.command(this.#own, 'leave', options, new Set(rooms))
      super.delSockets(options, rooms)
    }

    leaveHere(options: BroadcastOptions, rooms: Room[]): void {
      super.delSockets(options, rooms)
    }

    override disconnectSockets(options: BroadcastOptions, close: boolean): void {
      service.command(this.#own, 'disconnect', options, close)
      super.disconnectSockets(options, close)
    }

    disconnectHere(options: BroadcastOptions, close: boolean): void {
      super.disconnectSockets(options, close)
    }

    // ---- between servers

    override serverSideEmit(packet: any[]): void {
      const last: unknown = packet.at(-1)
      if (typeof last !== 'function') {
        const { peers } = service.targetsOf(this.#own, EVERYWHERE)
        return this.#sendServerSide(0, peers, encodeBody(packet))
      }
      this.#askServers(
        packet.slice(0, -1),
        service.serversOf(this.#own),
        last as (error: Error | null, responses: unknown[]) => void,
      )
    }

    #sendServerSide(id: number, servers: readonly Peer[], body: PacketBody): void {
      const message = service.writer
        .start(MESSAGE.serverSideEmit)
        .number(id)
        .number(this.#own.number)
        .body(body).message
      for (const server of servers) if (!server.post(message)) server.lost++
    }

    #askServers(
      event: unknown[],
      servers: readonly Peer[],
      answer: (error: Error | null, responses: unknown[]) => void,
    ): void {
      const body = encodeBody(event)
      // Suspect nodes serve it too; they are not waited for.
      const asked = [...service.peers.values()].filter((peer) => peer.namespaces.has(this.name))
      const responses: unknown[] = []
      const request = new Request({
        handleEnd: (lost) => {
          service.requests.delete(id)
          cancel()
          if (lost.length === 0) return this.#call(answer, null, responses)
          const error = new Error(
            `timeout reached: only ${responses.length} responses received out of ${asked.length}`,
          )
          this.#call(answer, Object.assign(error, { missingNodes: lost }), responses)
        },
      })
      const id = this.#register(request, (peer, _kind, reader) => {
        responses.push(decodeBody(reader.body())[0])
        request.complete(peer.incarnation)
      })
      const cancel = service.options.clock.after(service.options.answerTimeoutMs, () => request.expire())
      this.#sendServerSide(id, servers, body)
      for (const peer of asked) request.ask(peer)
      request.start()
    }

    #call(
      answer: (error: Error | null, responses: unknown[]) => void,
      error: Error | null,
      responses: unknown[],
    ): void {
      try {
        const result: unknown = answer(error, responses)
        if (result instanceof Promise) result.catch((failure: unknown) => this.reportError(failure))
      } catch (failure) {
        this.reportError(failure)
      }
    }

    receiveServerSideEmit(args: unknown[]): void {
      this.nsp._onServerSideEmit(args as [string, ...unknown[]])
    }

    // ---- what goes wrong

    reportError(error: unknown): void {
      this.nsp.server.handleHandlerError(error, { socket: undefined, event: 'adapter' })
    }

    tellGap(gap: Gap): void {
      this.tell('gap', gap)
    }
  }
}

/** Not enumerable, so that a result is equal to what the official server gives. */
function withMissingNodes<T extends object>(result: T, lost: readonly LostNode[]): T {
  return lost.length === 0
    ? result
    : Object.defineProperty(result, 'missingNodes', { value: lost, configurable: true })
}
