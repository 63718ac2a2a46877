// A page's WebSocket without a page, a network or a server: it opens at once and echoes acknowledged events a turn later, so that what is
// measured is the client alone. In: what a client sends. Out: what a server would.

const OPEN = '0{"sid":"page","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}'

class EchoingWebSocket {
  readyState = 0
  onopen?: (event: object) => void
  onmessage?: (event: { data: string }) => void

  constructor() {
    queueMicrotask(() => {
      this.readyState = 1
      this.onopen?.({})
      this.#say(OPEN)
    })
  }

  #say(data: string): void {
    this.onmessage?.({ data })
  }

  send(data: string): void {
    if (data.startsWith('40')) return queueMicrotask(() => this.#say('40{"sid":"page"}'))
    // 42<id>["echo",…] becomes 43<id>[…].
    const bracket = data.indexOf('[')
    const answer = `43${data.slice(2, bracket)}[${data.slice(data.indexOf(',', bracket) + 1)}`
    setImmediate(() => this.#say(answer))
  }

  close(): void {
    this.readyState = 3
  }
}

/** For bundles that are loaded afterwards. */
export function becomePage(): void {
  ;(globalThis as any).WebSocket = EchoingWebSocket
}
