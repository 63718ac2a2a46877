// One Engine.IO session seen from the client: chooses and changes transports, finds out the server's revision, keeps the heartbeat, holds
// what cannot be written yet. In: packets of a transport. Out: messages to the Manager. Dead after `close`.
import type { EnginePacket } from '@tidewire/protocol'
import { Emitter } from '../emitter.ts'
import type { EngineClientOptions } from '../options.ts'
import { Polling } from '../transports/polling.ts'
import type { Transport, TransportConstructor, TransportContext, TransportHandler } from '../transports/transport.ts'
import { TransportError } from '../transports/transport.ts'
import { WebSocketTransport } from '../transports/websocket.ts'
import type { ServerUrl } from '../url.ts'
import { decodeQuery } from '../url.ts'
import {
  GRACE_MS,
  forgetRevision,
  isRevisionRefused,
  isTransportRefused,
  isUnaskedConnect,
  recallRevision,
  rememberRevision,
} from './negotiation.ts'
import type { Revision } from './negotiation.ts'

export interface Attempt {
  transport: string
  revision: Revision
  error: string
  status?: number
}

const BUILT_IN: { [name: string]: TransportConstructor } = { polling: Polling, websocket: WebSocketTransport }

export class EngineClient extends Emitter {
  static priorWebsocketSuccess = false
  id: string | undefined
  readyState: 'opening' | 'open' | 'closing' | 'closed' = 'opening'
  transport!: Transport
  revision: Revision
  writeBuffer: EnginePacket[] = []
  binaryType = 'arraybuffer'
  readonly attempts: Attempt[] = []
  readonly #url: ServerUrl
  readonly #options: EngineClientOptions
  readonly #transports: { name: string; create: TransportConstructor }[]
  #isCertain: boolean
  #isAnnounced = false
  #upgrades: string[] = []
  #pingInterval = 25_000
  #pingTimeout = 20_000
  #maxPayload: number | undefined
  #heartbeat: ReturnType<typeof setTimeout> | undefined
  #grace: ReturnType<typeof setTimeout> | undefined
  #early: EnginePacket[] = []
  #probe: Transport | undefined
  #isUpgrading = false
  #isFlushScheduled = false
  #inFlight = 0
  #mustCloseWhenDrained = false
  readonly #unload = (): void => this.#end('transport close')
  /** The network is gone: no need to wait for the heartbeat. */
  readonly #offline = (): void => this.#end('transport close', { description: 'network connection lost' })

  constructor(url: ServerUrl, options: EngineClientOptions) {
    super()
    this.#url = url
    this.#options = { ...options, query: { ...(options.query ?? decodeQuery(url.query)) } }
    const wanted = options.transports ?? ['polling', 'websocket']
    this.#transports = wanted
      .map((one) => (typeof one === 'string' ? { name: one, create: BUILT_IN[one]! } : { name: one.prototype?.name ?? one.name, create: one }))
      .filter(({ create }) => create !== undefined)
    if (options.rememberUpgrade && EngineClient.priorWebsocketSuccess) {
      this.#transports.sort((a, b) => Number(b.name === 'websocket') - Number(a.name === 'websocket'))
    }
    const pinned = options.protocolVersion
    const known = pinned === undefined || pinned === 'auto' ? recallRevision(url.id) : pinned
    this.revision = known ?? 4
    this.#isCertain = pinned === 3 || pinned === 4
    this.#listen('addEventListener')
    setTimeout(() => this.#openNext())
  }

  /** Events of the page, where there is one. */
  #listen(method: 'addEventListener' | 'removeEventListener'): void {
    const page = globalThis as any
    if (typeof page[method] !== 'function') return
    page[method]('offline', this.#offline)
    if (this.#options.closeOnBeforeunload) page[method]('beforeunload', this.#unload)
  }

  // ---- opening

  #openNext(): void {
    if (this.readyState !== 'opening') return
    const next = this.#transports[0]
    if (next === undefined) return this.#end('transport error', new TransportError('No transports available'))
    this.transport = this.#create(next, undefined)
    this.transport.open()
  }

  #create({ name, create }: { name: string; create: TransportConstructor }, sid: string | undefined): Transport {
    const options = { ...this.#options, ...this.#options.transportOptions?.[name] }
    const context: TransportContext = { url: this.#url, options, revision: this.revision, sid, maxPayload: this.#maxPayload }
    const transport = new create(context, IGNORE)
    transport.handler = {
      handlePacket: (packet) => this.#handlePacket(transport, packet),
      handleDrain: () => this.#handleDrain(transport),
      handleClose: (error) => this.#handleTransportClose(transport, error),
    }
    return transport
  }

  #handleTransportClose(transport: Transport, error?: TransportError): void {
    if (transport === this.#probe) return this.#failProbe(error)
    if (transport !== this.transport) return
    if (this.readyState === 'opening' && this.id === undefined) return this.#handleRefusal(error)
    this.#end(error === undefined ? 'transport close' : 'transport error', error)
  }

  /** The decision table of refusals: another revision, another transport, or the end. */
  #handleRefusal(error: TransportError | undefined): void {
    const { status: seen, responseText } = (error?.context ?? {}) as { status?: number; responseText?: string }
    const status = seen ?? (typeof error?.description === 'number' && error.description > 0 ? error.description : undefined)
    this.attempts.push({
      transport: this.transport.name,
      revision: this.revision,
      error: responseText || error?.message || 'closed',
      ...(status === undefined ? {} : { status }),
    })
    if (!this.#isCertain && this.revision === 4 && isRevisionRefused(status, responseText)) {
      this.revision = 3
      return this.#openNext()
    }
    if (!this.#isCertain && recallRevision(this.#url.id) !== undefined) {
      // What was known of this URL may be out of date: the server was replaced.
      forgetRevision(this.#url.id)
      if (this.revision === 3 && status === 400) {
        this.revision = 4
        return this.#openNext()
      }
    }
    const mayTryNext = this.#options.tryAllTransports === true || isTransportRefused(status, responseText)
    if (mayTryNext && this.#transports.length > 1) {
      this.#transports.shift()
      this.revision = this.#isCertain ? this.revision : 4
      return this.#openNext()
    }
    this.#end('transport error', error)
  }

  #handleHandshake(packet: EnginePacket): void {
    const open = JSON.parse(String(packet.data)) as {
      sid: string
      upgrades?: string[]
      pingInterval: number
      pingTimeout: number
      maxPayload?: number
    }
    const { transport } = this
    this.id = transport.sid = open.sid
    this.#upgrades = open.upgrades ?? []
    this.#pingInterval = open.pingInterval
    this.#pingTimeout = open.pingTimeout
    this.#maxPayload = open.maxPayload
    this.revision = transport.revision
    this.emitReserved('packet', packet)
    this.emitReserved('handshake', open)
    const isPolling = transport.name === 'polling'
    // Polling bodies tell the revision by their form; so does the answer to a question for 3; and only revision 4 has maxPayload.
    if (isPolling || this.revision === 3 || this.#isCertain || open.maxPayload !== undefined || recallRevision(this.#url.id) === 4) {
      return this.#announce()
    }
    this.#grace = setTimeout(() => this.#announce(), GRACE_MS)
  }

  #announce(): void {
    clearTimeout(this.#grace)
    this.#grace = undefined
    if (this.#isAnnounced || this.readyState !== 'opening') return
    this.#isAnnounced = true
    this.readyState = 'open'
    rememberRevision(this.#url.id, this.revision)
    EngineClient.priorWebsocketSuccess = this.transport.name === 'websocket'
    this.#keepAlive()
    this.emitReserved('open')
    for (const packet of this.#early.splice(0)) this.#handlePacket(this.transport, packet)
    this.#scheduleFlush()
    if (this.readyState === 'open' && this.#options.upgrade !== false) this.#startUpgrade()
  }

  #becomeRevision3(): void {
    this.revision = this.transport.revision = 3
    rememberRevision(this.#url.id, 3)
    this.#keepAlive()
  }

  // ---- in

  #handlePacket(transport: Transport, packet: EnginePacket): void {
    if (transport === this.#probe) return this.#handleProbeAnswer(packet)
    if (transport !== this.transport || this.readyState === 'closed') return
    if (packet.type === 'open') return this.#handleHandshake(packet)
    if (this.#grace !== undefined || (this.readyState === 'opening' && this.id !== undefined)) {
      if (this.#grace !== undefined && packet.type === 'message' && isUnaskedConnect(packet.data)) {
        this.#early.push(packet)
        this.revision = this.transport.revision = 3
        return this.#announce()
      }
      this.#early.push(packet)
      return
    }
    this.emitReserved('packet', packet)
    this.emitReserved('heartbeat')
    switch (packet.type) {
      case 'ping':
        this.#keepAlive()
        this.#push({ type: 'pong' })
        this.emitReserved('ping')
        this.emitReserved('pong')
        return
      case 'pong':
        if (this.revision === 3) this.#keepAlive()
        this.emitReserved('pong')
        return
      case 'message':
        // A server that took its time (a slow middleware) turns out to be one of revision 3 after all.
        if (this.revision === 4 && !this.#isCertain && packet.data === '0' && transport.name === 'websocket') this.#becomeRevision3()
        if (this.revision === 3) this.#keepAlive()
        this.emitReserved('data', packet.data ?? '')
        this.emitReserved('message', packet.data ?? '')
    }
  }

  // ---- heartbeat

  #keepAlive(): void {
    clearTimeout(this.#heartbeat)
    if (this.revision === 4) {
      this.#heartbeat = setTimeout(() => this.#end('ping timeout'), this.#pingInterval + this.#pingTimeout)
    } else {
      this.#heartbeat = setTimeout(() => {
        this.#push({ type: 'ping' })
        this.emitReserved('ping')
        this.#heartbeat = setTimeout(() => this.#end('ping timeout'), this.#pingTimeout)
        this.#unref()
      }, this.#pingInterval)
    }
    this.#unref()
  }

  #unref(): void {
    if (this.#options.autoUnref) (this.#heartbeat as { unref?: () => void }).unref?.()
  }

  // ---- out

  /** Sends one message: text or bytes. */
  send(data: string | Uint8Array): this {
    if (this.readyState === 'open' || this.readyState === 'opening') this.#push({ type: 'message', data })
    return this
  }

  write(data: string | Uint8Array): this {
    return this.send(data)
  }

  /** True when a message sent now would leave at once. */
  get writable(): boolean {
    return this.readyState === 'open' && this.transport.writable && this.writeBuffer.length === 0 && !this.#isUpgrading
  }

  #push(packet: EnginePacket): void {
    this.emitReserved('packetCreate', packet)
    this.writeBuffer.push(packet)
    this.#scheduleFlush()
  }

  #scheduleFlush(): void {
    if (this.#isFlushScheduled) return
    this.#isFlushScheduled = true
    queueMicrotask(() => {
      this.#isFlushScheduled = false
      this.#flush()
    })
  }

  #flush(): void {
    const { transport, writeBuffer } = this
    if (this.readyState === 'closed' || this.id === undefined || this.#isUpgrading || this.#inFlight > 0) return
    if (!transport.writable || writeBuffer.length === 0 || this.#grace !== undefined) return
    const packets = this.#fitting()
    this.#inFlight = packets.length
    transport.send(packets)
    this.emitReserved('flush')
  }

  /** What fits into one POST of the server's limit: one packet at least. */
  #fitting(): EnginePacket[] {
    const limit = this.#maxPayload
    if (limit === undefined || this.transport.name !== 'polling' || this.writeBuffer.length < 2) return this.writeBuffer.slice()
    let bytes = 1
    for (let i = 0; i < this.writeBuffer.length; i++) {
      const { data } = this.writeBuffer[i]!
      if (data !== undefined) bytes += typeof data === 'string' ? byteLength(data) : Math.ceil(data.length * 1.33)
      if (i > 0 && bytes > limit) return this.writeBuffer.slice(0, i)
      bytes += 2
    }
    return this.writeBuffer.slice()
  }

  #handleDrain(transport: Transport): void {
    if (transport === this.#probe) return void transport.send([{ type: 'ping', data: 'probe' }])
    if (transport !== this.transport) return
    this.writeBuffer.splice(0, this.#inFlight)
    this.#inFlight = 0
    if (this.writeBuffer.length > 0) return this.#scheduleFlush()
    this.emitReserved('drain')
    if (this.#mustCloseWhenDrained && !this.#isUpgrading) this.#closeNow()
  }

  // ---- upgrade

  #startUpgrade(): void {
    if (this.transport.name !== 'polling' || !this.#upgrades.includes('websocket')) return
    const wanted = this.#transports.find(({ name }) => name === 'websocket')
    if (wanted === undefined) return
    const probe = this.#create(wanted, this.id)
    probe.handler.handleDrain = once(() => this.#handleDrain(probe))
    this.#probe = probe
    probe.open()
  }

  #handleProbeAnswer(packet: EnginePacket): void {
    const probe = this.#probe!
    if (packet.type !== 'pong' || packet.data !== 'probe') return this.#failProbe(undefined)
    this.#isUpgrading = true
    this.emitReserved('upgrading', probe)
    this.transport.pause(() => {
      if (this.readyState === 'closed') return
      const former = this.transport
      former.handler = IGNORE
      this.#inFlight = 0
      this.#probe = undefined
      this.transport = probe
      probe.handler = {
        handlePacket: (later) => this.#handlePacket(probe, later),
        handleDrain: () => this.#handleDrain(probe),
        handleClose: (error) => this.#handleTransportClose(probe, error),
      }
      probe.send([{ type: 'upgrade' }])
      this.#isUpgrading = false
      EngineClient.priorWebsocketSuccess = true
      this.emitReserved('upgrade', probe)
      if (this.#mustCloseWhenDrained && this.writeBuffer.length === 0) this.#closeNow()
    })
  }

  #failProbe(error: TransportError | undefined): void {
    const probe = this.#probe
    this.#probe = undefined
    probe?.close()
    const failure = new Error(error === undefined ? 'probe error' : `probe error: Error: ${error.message}`, { cause: error })
    this.emitReserved('upgradeError', Object.assign(failure, { transport: probe?.name }))
  }

  // ---- close

  /** Closes the session once everything is written. */
  close(): this {
    if (this.readyState === 'opening') {
      this.#end('forced close')
      return this
    }
    if (this.readyState !== 'open') return this
    this.readyState = 'closing'
    this.#mustCloseWhenDrained = true
    if (this.writeBuffer.length === 0 && !this.#isUpgrading) this.#closeNow()
    return this
  }

  #closeNow(): void {
    this.#end('forced close')
  }

  #end(reason: string, description?: unknown): void {
    if (this.readyState === 'closed') return
    const wasOpen = this.#isAnnounced
    this.readyState = 'closed'
    clearTimeout(this.#heartbeat)
    clearTimeout(this.#grace)
    this.#listen('removeEventListener')
    this.#probe?.close()
    this.#probe = undefined
    if (this.transport !== undefined) {
      this.transport.handler = IGNORE
      this.transport.close()
    }
    if (!wasOpen && reason !== 'forced close') this.emitReserved('error', description ?? new Error(reason))
    this.emitReserved('close', reason, description)
    this.writeBuffer = []
  }
}

const IGNORE: TransportHandler = { handlePacket() {}, handleDrain() {}, handleClose() {} }

function once(callback: () => void): () => void {
  let isCalled = false
  return () => {
    if (isCalled) return
    isCalled = true
    callback()
  }
}

function byteLength(text: string): number {
  let bytes = text.length
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code > 0x7f) bytes += code > 0x7ff && (code < 0xd800 || code > 0xdfff) ? 2 : 1
  }
  return bytes
}
