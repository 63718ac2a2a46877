// Clients of literal wire, as the situations need them: WebSocket by `ws` with its TCP connection at hand, WebSocket as bytes before there is an answer,
// and polling on two connections of its own.
import { once } from 'node:events'
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { WebSocket } from 'ws'
import { maskedFrame, upgradeRequest } from '@tidewire/testkit/frames'
import { RawConnection } from '@tidewire/testkit/raw-connection'
import type { Wire } from './cell.ts'

export class WebSocketWire implements Wire {
  readonly ws: WebSocket
  readonly messages: string[] = []

  constructor(port: number, query = '') {
    this.ws = new WebSocket(`ws://127.0.0.1:${port}/socket.io/?EIO=4&transport=websocket${query}`, {
      perMessageDeflate: false,
    })
    this.ws.on('error', () => {})
    this.ws.on('message', (data) => this.messages.push(String(data)))
  }

  /** The open packet has come. */
  async opened(): Promise<this> {
    await once(this.ws, 'message')
    return this
  }

  async joined(connectPacket = '40'): Promise<this> {
    await this.opened()
    this.ws.send(connectPacket)
    await once(this.ws, 'message')
    return this
  }

  get tcp(): Socket {
    return (this.ws as unknown as { _socket: Socket })._socket
  }

  /** In one write, so that the server reads it at once. */
  sendAtOnce(packets: readonly string[]): void {
    this.tcp.write(Buffer.concat(packets.map((packet) => maskedFrame(packet))))
  }

  end(): void {
    this.tcp.end()
  }
  reset(): void {
    this.tcp.resetAndDestroy()
  }
  sendClose(): void {
    this.ws.close(1000)
  }
  sendDisconnect(): void {
    this.ws.send('41')
  }
  destroy(): void {
    this.ws.terminate()
  }
}

/** A WebSocket request to which there is no answer yet. */
export class EarlyWire implements Wire {
  readonly socket: Socket

  constructor(port: number) {
    this.socket = connect(port, '127.0.0.1')
    this.socket.on('error', () => {})
    this.socket.resume()
    this.socket.write(upgradeRequest('/socket.io/?EIO=4&transport=websocket'))
  }

  end(): void {
    this.socket.end()
  }
  reset(): void {
    this.socket.resetAndDestroy()
  }
  sendClose(): void {
    this.socket.write(Buffer.concat([maskedFrame('40'), maskedFrame(Buffer.from([3, 232]), 8)]))
  }
  sendDisconnect(): void {
    this.socket.write(Buffer.concat([maskedFrame('40'), maskedFrame('41')]))
  }
  destroy(): void {
    this.socket.destroy()
  }
}

/** Polls on one connection and posts on another; a poll is held. */
export class PollingWire implements Wire {
  readonly gets: RawConnection
  readonly posts: RawConnection
  readonly sid: string
  readonly #port: number
  #isPolling = false
  probe: WebSocketWire | undefined

  private constructor(port: number, gets: RawConnection, posts: RawConnection, sid: string) {
    this.#port = port
    this.gets = gets
    this.posts = posts
    this.sid = sid
  }

  static async joined(port: number): Promise<PollingWire> {
    const gets = await RawConnection.open({ port })
    const posts = await RawConnection.open({ port })
    const open = await gets.request('/socket.io/?EIO=4&transport=polling')
    const wire = new PollingWire(port, gets, posts, /"sid":"([^"]+)"/.exec(open!.body)![1]!)
    await wire.post('40')
    await gets.request(wire.path)
    void wire.poll()
    return wire
  }

  /** Holds a poll until the session ends, or another transport is to take over. */
  async poll(): Promise<void> {
    if (this.#isPolling) return
    for (;;) {
      this.#isPolling = true
      const answer = await this.gets.request(this.path)
      this.#isPolling = false
      if (answer === undefined || answer.status !== 200 || answer.body === '1') return
      // A client that probes stops polling.
      if (this.probe !== undefined) return
    }
  }

  get path(): string {
    return `/socket.io/?EIO=4&transport=polling&sid=${this.sid}`
  }

  async post(body: string): Promise<unknown> {
    return this.posts.request(this.path, { method: 'POST', body, headers: { 'content-type': 'text/plain' } })
  }

  /** The session ends, whatever its state: no poll need be held for that. */
  async finish(): Promise<void> {
    this.probe?.destroy()
    const connection = await RawConnection.open({ port: this.#port }).catch(() => undefined)
    await connection?.request(this.path, { method: 'POST', body: '1' })
    connection?.destroy()
  }

  end(): void {
    if (this.probe !== undefined) return this.probe.end()
    this.posts.socket.end()
    this.gets.socket.end()
  }
  reset(): void {
    if (this.probe !== undefined) return this.probe.reset()
    this.posts.socket.resetAndDestroy()
    this.gets.socket.resetAndDestroy()
  }
  sendClose(): void {
    if (this.probe !== undefined) return this.probe.sendClose()
    void this.post('1')
  }
  sendDisconnect(): void {
    void this.post('41')
  }
  destroy(): void {
    this.probe?.destroy()
    this.posts.destroy()
    this.gets.destroy()
  }
}
