// What this node answers when another one asks: clients' acknowledgements of a broadcast, sockets, ids, server-side events. Long lists
// leave in pages, one per turn of the event loop.
import { decodeBody, encodeBody } from '@tidewire/protocol'
import type { PacketBody } from '@tidewire/protocol'
import { MESSAGE, readSelection } from '../wire/adapter-messages.ts'
import type { MessageReader } from '../wire/bytes.ts'
import type { AdapterService, LocalNamespace, OwnNamespace } from './adapter-service.ts'
import type { Peer } from './peer.ts'

const SOCKETS_PER_PAGE = 100
const IDS_PER_PAGE = 5_000

export class Answers {
  readonly #service: AdapterService

  constructor(service: AdapterService) {
    this.#service = service
  }

  handle(
    peer: Peer,
    kind: number,
    request: number,
    own: OwnNamespace | undefined,
    reader: MessageReader,
  ): void {
    switch (kind) {
      case MESSAGE.ask:
        return own === undefined ? this.#count(peer, request, 0) : this.#ask(peer, request, own.local, reader)
      case MESSAGE.fetch:
      case MESSAGE.fetchIds:
        return this.#fetch(peer, kind, request, own?.local, reader)
      case MESSAGE.serverSideEmit:
        return own?.local.receiveServerSideEmit(this.#eventFor(peer, request, reader))
    }
  }

  #count(peer: Peer, request: number, count: number): void {
    peer.post(this.#service.writer.start(MESSAGE.count).number(request).number(count).message)
  }

  #ask(peer: Peer, request: number, local: LocalNamespace, reader: MessageReader): void {
    const { options } = readSelection(reader)
    local.receiveBroadcastWithAck(
      reader.body(),
      options,
      (count) => this.#count(peer, request, count),
      (...args) => this.#answer(peer, MESSAGE.ack, request, encodeBody(args)),
    )
  }

  #answer(peer: Peer, kind: number, request: number, body: PacketBody): void {
    peer.post(this.#service.writer.start(kind).number(request).body(body).message)
  }

  #eventFor(peer: Peer, request: number, reader: MessageReader): unknown[] {
    const event = decodeBody(reader.body())
    if (request === 0) return event
    let isAnswered = false
    return [
      ...event,
      (...args: unknown[]) => {
        if (isAnswered) return
        const body = encodeBody(args)
        isAnswered = true
        this.#answer(peer, MESSAGE.serverSideAnswer, request, body)
      },
    ]
  }

  #fetch(
    peer: Peer,
    kind: number,
    request: number,
    local: LocalNamespace | undefined,
    reader: MessageReader,
  ): void {
    const { options } = readSelection(reader)
    const send = async (): Promise<void> => {
      const sockets = local === undefined ? [] : await local.socketsHere(options)
      const perPage = kind === MESSAGE.fetch ? SOCKETS_PER_PAGE : IDS_PER_PAGE
      for (let at = 0; ; at += perPage) {
        const page = sockets.slice(at, at + perPage)
        const isLast = at + perPage >= sockets.length ? 1 : 0
        if (kind === MESSAGE.fetch) this.#sendSockets(peer, request, isLast, page, local)
        else
          peer.post(
            this.#service.writer
              .start(MESSAGE.ids)
              .number(request)
              .byte(isLast)
              .texts(new Set(page.map(({ id }) => id as string))).message,
          )
        if (isLast === 1) return
        await new Promise((resolve) => setImmediate(resolve))
      }
    }
    send().catch((error: unknown) => this.#service.options.onError(error))
  }

  #sendSockets(
    peer: Peer,
    request: number,
    isLast: number,
    page: readonly any[],
    local: LocalNamespace | undefined,
  ): void {
    let body: PacketBody
    try {
      body = encodeBody(page.map((socket) => detailsOf(socket, socket.data)))
    } catch {
      // One of them has data that cannot travel.
      body = encodeBody(page.map((socket) => encodableDetailsOf(socket, local)))
    }
    peer.post(this.#service.writer.start(MESSAGE.sockets).number(request).byte(isLast).body(body).message)
  }
}

function detailsOf(socket: any, data: unknown): Record<string, unknown> {
  return { id: socket.id, handshake: socket.handshake, rooms: [...socket.rooms], data }
}

function encodableDetailsOf(socket: any, local: LocalNamespace | undefined): Record<string, unknown> {
  const details = detailsOf(socket, socket.data)
  try {
    encodeBody([details])
    return details
  } catch (error) {
    local?.reportError(error)
    return detailsOf(socket, {})
  }
}
