// A request for a WebSocket that has come through Bun.serve, as an UpgradeExchange: a refusal is a Response, the 101 is Bun's.
import type { ServerResponse } from 'node:http'
import type { WebSocketEdge } from '../engine/cluster-port.ts'
import type { Owner } from '../engine/door.ts'
import type { EngineRequest } from '../engine/request-facts.ts'
import type { UpgradeExchange, UpgradeSettings } from '../engine/upgrade-exchange.ts'
import { textOf } from '../http/reject.ts'
import type { EngineRejection } from '../http/reject.ts'
import { BunWebSocketTransport } from '../transports/bun-websocket.ts'
import { BunResponse } from './bun-response.ts'
import type { BunServer } from './bun-types.ts'

export interface BunUpgradeSettings {
  /** Of WebSocket messages. */
  readonly compressionThreshold: number
  respond(response: Response): void
  /** Past the application's editing. */
  resolve(response: Response): void
  /** The application edits the headers of the 101. */
  readonly edit: ((headers: Headers, status: number) => Promise<void>) | undefined
}

export class BunUpgrade implements UpgradeExchange {
  readonly #request: Request
  readonly #server: BunServer
  readonly #req: EngineRequest
  readonly #settings: BunUpgradeSettings
  #res: BunResponse | undefined
  #transport: BunWebSocketTransport | undefined
  #isGone = false

  constructor(request: Request, server: BunServer, req: EngineRequest, settings: BunUpgradeSettings) {
    this.#request = request
    this.#server = server
    this.#req = req
    this.#settings = settings
  }

  get isGone(): boolean {
    return this.#isGone || this.#request.signal.aborted
  }

  openResponse(): ServerResponse {
    this.#res = new BunResponse(this.#req, (response) => {
      this.#isGone = true
      this.#settings.respond(response)
    })
    return this.#res.asServerResponse()
  }

  releaseResponse(): void {}

  refuse(reason: EngineRejection): void {
    const headers = this.#res?.toHeaders() ?? new Headers()
    headers.set('Connection', 'close')
    headers.set('Content-Type', 'text/html')
    this.#settings.respond(new Response(textOf(reason), { status: reason.status, headers }))
  }

  accept(owner: Owner, { supportsBinary }: UpgradeSettings, whenOpen: (edge: WebSocketEdge) => void): void {
    const transport = new BunWebSocketTransport(owner, {
      supportsBinary,
      compressionThreshold: this.#settings.compressionThreshold,
      userAgent: this.#req.headers['user-agent'],
    }, whenOpen)
    this.#transport = transport
    const { edit } = this.#settings
    const headers = this.#res?.toHeaders() ?? (edit === undefined ? undefined : new Headers())
    if (edit === undefined) this.#open(transport, headers)
    else void edit(headers!, 101).then(() => this.#open(transport, headers))
  }

  #open(transport: BunWebSocketTransport, headers: Headers | undefined): void {
    // Bun opens the WebSocket within this call, or finds that the client has gone.
    const isOpen = this.#server.upgrade(this.#request, headers === undefined ? { data: transport } : { data: transport, headers })
    this.#isGone = !isOpen
    // Of no meaning once it is a WebSocket, but frameworks want some answer.
    this.#settings.resolve(new Response(null, { status: isOpen ? 200 : 400 }))
  }

  whenGone(listener: () => void): void {
    if (this.#transport !== undefined) this.#transport.whenGone = listener
  }
}
