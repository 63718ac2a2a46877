// What an acknowledged emit of 100 bytes on a WebSocket costs both nodes together, when the WebSocket is on the node that owns the session (direct)
// and when it is on the other one (relayed): with one message under way, and with sixteen at once. The broker's own time is not in it.
import { connect as connectTcp } from 'node:net'
import type { Socket } from 'node:net'
import { once } from 'node:events'
import { maskedFrame, upgradeRequest } from '@tidewire/testkit/frames'
import { brokers, startNodes } from './processes.ts'
import type { BenchNode } from './processes.ts'

class WireClient {
  readonly #socket: Socket
  #received = ''
  #wake = (): void => {}

  private constructor(socket: Socket) {
    this.#socket = socket
    socket.setEncoding('latin1').on('data', (text: string) => {
      this.#received += text
      this.#wake()
    })
  }

  /** A session of `owner` whose WebSocket is on `edge`. */
  static async open(owner: BenchNode, edge: BenchNode): Promise<WireClient> {
    const path = '/socket.io/?EIO=4&transport='
    const base = `http://127.0.0.1:${owner.port}${path}polling`
    const opened = await (await fetch(base)).text()
    const { sid } = JSON.parse(opened.slice(1)) as { sid: string }
    await fetch(`${base}&sid=${sid}`, { method: 'POST', body: '40' })
    await (await fetch(`${base}&sid=${sid}`)).text()
    const socket = connectTcp(edge.port, '127.0.0.1').setNoDelay(true)
    await once(socket, 'connect')
    const client = new WireClient(socket)
    socket.write(upgradeRequest(`${path}websocket&sid=${sid}`))
    await client.#until(1, '\r\n\r\n')
    socket.write(maskedFrame('2probe'))
    await client.#until(1, '3probe')
    socket.write(maskedFrame('5'))
    return client
  }

  async #until(count: number, mark: string): Promise<void> {
    for (;;) {
      let seen = 0
      for (
        let at = this.#received.indexOf(mark);
        at !== -1;
        at = this.#received.indexOf(mark, at + mark.length)
      )
        seen++
      if (seen >= count) break
      await new Promise<void>((resolve) => (this.#wake = resolve))
    }
    this.#received = ''
  }

  /** Sends `count` events in one write, and waits for all answers. */
  async echo(count: number): Promise<void> {
    const text = 'x'.repeat(100)
    this.#socket.write(
      Buffer.concat(Array.from({ length: count }, (_, n) => maskedFrame(`42${n}["echo","${text}"]`))),
    )
    await this.#until(count, `["${text}"]`)
  }

  close(): void {
    this.#socket.destroy()
  }
}

async function cost(
  nodes: readonly BenchNode[],
  edge: BenchNode,
  batch: number,
  messages: number,
): Promise<number> {
  const client = await WireClient.open(nodes[0]!, edge)
  const total = async (): Promise<number> =>
    (await Promise.all(nodes.map((node) => node.ask()))).reduce((sum, { cpu }) => sum + cpu, 0)
  for (let sent = 0; sent < messages / 4; sent += batch) await client.echo(batch)
  let best = Infinity
  for (let round = 0; round < 3; round++) {
    const before = await total()
    for (let sent = 0; sent < messages; sent += batch) await client.echo(batch)
    best = Math.min(best, ((await total()) - before) / messages)
  }
  client.close()
  return best
}

export async function relayed(messages: number): Promise<string[]> {
  const lines = [
    '| bus | direct, one at a time | relayed | sixteen at once: direct | relayed |',
    '|---|---|---|---|---|',
  ]
  for (const [name, start] of Object.entries(brokers)) {
    const broker = await start()
    const nodes = await startNodes(broker.url, 2)
    const cells: string[] = []
    for (const batch of [1, 16]) {
      const direct = await cost(nodes, nodes[0]!, batch, messages)
      const far = await cost(nodes, nodes[1]!, batch, messages)
      cells.push(`${direct.toFixed(1)} µs`, `${far.toFixed(1)} µs (${(far / direct).toFixed(1)}×)`)
    }
    lines.push(`| ${name} | ${cells.join(' | ')} |`)
    await Promise.all(nodes.map((node) => node.stop()))
    await broker.stop()
  }
  return lines
}
