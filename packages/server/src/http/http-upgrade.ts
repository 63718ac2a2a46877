// A request for a WebSocket on node:http as an UpgradeExchange: answers it on the raw connection, with a refusal or the 101. Owns the
// connection until the edge does.
import { hash } from 'node:crypto'
import { ServerResponse } from 'node:http'
import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { FrameDecoderOptions } from '@tidewire/protocol'
import type { WebSocketEdge } from '../engine/cluster-port.ts'
import type { Owner } from '../engine/door.ts'
import type { UpgradeExchange, UpgradeSettings } from '../engine/upgrade-exchange.ts'
import { ForeignWebSocketTransport } from '../transports/foreign-websocket.ts'
import type { ForeignWebSocketServer } from '../transports/foreign-websocket.ts'
import { WebSocketTransport } from '../transports/websocket.ts'
import { disown, isOwned } from './owned-socket.ts'
import { rejectUpgrade, rejection } from './reject.ts'
import type { EngineRejection } from './reject.ts'

/** RFC 6455, 1.3. */
const WEBSOCKET_GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'

export interface WebSocketMaker {
  readonly frames: FrameDecoderOptions
  /** Makes the WebSockets instead, if there is one. */
  readonly foreign: ForeignWebSocketServer | undefined
}

export class HttpUpgrade implements UpgradeExchange {
  readonly #req: IncomingMessage
  readonly #socket: Socket
  readonly #head: Buffer
  readonly #maker: WebSocketMaker
  #res: ServerResponse | undefined
  #isAccepted = false
  #completeHead: (() => void) | undefined

  constructor(req: IncomingMessage, socket: Socket, head: Buffer, maker: WebSocketMaker) {
    // Before anything else: an error without a listener would end the process.
    if (!isOwned(socket)) socket.on('error', destroySocket)
    this.#req = req
    this.#socket = socket
    this.#head = head
    this.#maker = maker
  }

  get isGone(): boolean {
    const socket = this.#socket
    // One who has ended its half while an answer was awaited would not be heard to end again.
    if (socket.readableEnded) socket.destroy()
    return socket.destroyed
  }

  openResponse(mayAnswer: boolean): ServerResponse {
    const res = (this.#res = new ServerResponse(this.#req))
    if (!mayAnswer) return res
    res.assignSocket(this.#socket)
    // Under the wrappers of middlewares; once accepted, it is the 101 that writes what they set.
    res.writeHead = ((...args: Parameters<typeof res.writeHead>) => {
      if (!this.#isAccepted) Reflect.apply(ServerResponse.prototype.writeHead, res, args)
      return res
    }) as typeof res.writeHead
    const write = res.writeHead
    this.#completeHead = () => {
      this.#isAccepted = true
      // Middlewares that add headers at the last moment (a session's cookie) wait for this call.
      if (res.writeHead !== write) res.writeHead(101)
    }
    return res
  }

  releaseResponse(): void {
    const res = this.#res
    if (res !== undefined && res.socket !== null) res.detachSocket(this.#socket)
  }

  refuse(reason: EngineRejection): void {
    this.#letGo()
    rejectUpgrade(this.#socket, reason, this.#res?.getHeaders() ?? {})
  }

  /** From who has read the request past node:http. */
  #letGo(): void {
    const socket = this.#socket
    if (!isOwned(socket)) return
    disown(socket)
    socket.on('error', destroySocket)
    if (socket.isPaused()) socket.resume()
  }

  accept(
    owner: Owner,
    { supportsBinary, answersAtOnce }: UpgradeSettings,
    whenOpen: (edge: WebSocketEdge) => void,
  ): void {
    const socket = this.#socket
    const { frames, foreign } = this.#maker
    if (!isOwned(socket)) socket.removeListener('error', destroySocket)
    this.#completeHead?.()
    if (foreign !== undefined) {
      // It sends the 101 by itself, and reads what came with the request.
      foreign.accept(this.#req, socket, this.#head, this.#res, (ws) => {
        this.#finish()
        whenOpen(new ForeignWebSocketTransport(ws, owner, { supportsBinary }))
      })
      return
    }
    const { headers } = this.#req
    const transport = new WebSocketTransport(socket, owner, {
      head: this.#answer(headers['sec-websocket-key']!),
      supportsBinary,
      frames,
      userAgent: headers['user-agent'],
    })
    this.#finish()
    whenOpen(transport)
    if (answersAtOnce) transport.begin()
    transport.start(this.#head)
  }

  /** Access logs of middlewares are written now, not when the WebSocket ends. */
  #finish(): void {
    if (this.#completeHead !== undefined) this.#res!.emit('finish')
  }

  #answer(key: string): string {
    let answer = `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${hash('sha1', key + WEBSOCKET_GUID, 'base64')}\r\n`
    if (this.#res !== undefined) {
      for (const [name, value] of Object.entries(this.#res.getHeaders())) {
        for (const one of Array.isArray(value) ? value : [value]) answer += `${name}: ${String(one)}\r\n`
      }
    }
    return answer + '\r\n'
  }

  whenGone(listener: () => void): void {
    this.#socket.once('close', listener)
  }
}

function destroySocket(this: Socket): void {
  this.destroy()
}

/** Why this is no request for a WebSocket, if it is none. */
export function webSocketProblem({ method, headers }: IncomingMessage): EngineRejection | undefined {
  if (headers.upgrade?.toLowerCase() !== 'websocket' || method !== 'GET') {
    return rejection(
      'BAD_REQUEST',
      { name: 'TRANSPORT_HANDSHAKE_ERROR' },
      'expected GET with Upgrade: websocket',
    )
  }
  const key = headers['sec-websocket-key']
  if (key === undefined || !/^[+/0-9A-Za-z]{22}==$/.test(key)) {
    return rejection(
      'BAD_REQUEST',
      { name: 'TRANSPORT_HANDSHAKE_ERROR' },
      'missing or invalid Sec-WebSocket-Key',
    )
  }
  if (headers['sec-websocket-version'] !== '13' && headers['sec-websocket-version'] !== '8') {
    return {
      ...rejection(
        'BAD_REQUEST',
        { name: 'TRANSPORT_HANDSHAKE_ERROR' },
        'expected Sec-WebSocket-Version: 13',
      ),
      status: 426,
    }
  }
  return undefined
}
