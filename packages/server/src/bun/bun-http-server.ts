// Bun's server as what `io.httpServer` is elsewhere, as far as a server that is already listening can be it.
import { EventEmitter } from 'node:events'
import type { BunServer } from './bun-types.ts'

class ListeningServer extends EventEmitter {
  readonly #server: BunServer
  listening = true

  constructor(server: BunServer) {
    super()
    this.#server = server
  }

  address(): { address: string; port: number; family: string } {
    const { hostname = '0.0.0.0', port = 0 } = this.#server
    return { address: hostname, port, family: hostname.includes(':') ? 'IPv6' : 'IPv4' }
  }

  /** It listens; there is nothing to do. */
  listen(): this {
    return this
  }

  close(done?: (error?: Error) => void): this {
    this.listening = false
    void Promise.resolve(this.#server.stop()).then(() => {
      this.emit('close')
      done?.()
    })
    return this
  }

  closeAllConnections(): void {
    void this.#server.stop(true)
  }
}

export function serverOf(server: BunServer): ListeningServer {
  return new ListeningServer(server)
}
