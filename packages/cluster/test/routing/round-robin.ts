// Servers of one process as nodes of a cluster, and a balancer before them that sends each request to the next one, whatever it is.
import { createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { IncomingMessage, Server as HttpServer, ServerResponse } from 'node:http'
import { connect } from 'node:net'
import type { Duplex } from 'node:stream'
import { Server } from 'tidewire'
import type { ServerOptions } from 'tidewire'
import { InProcessHub } from '@tidewire/cluster'
import type { Bus } from '@tidewire/cluster'

export interface TestNode {
  readonly io: Server
  readonly http: HttpServer
  readonly port: number
}

export interface TestCluster {
  readonly nodes: readonly TestNode[]
  /** Of the balancer. */
  readonly port: number
  readonly url: string
  /** How many requests each node got. */
  readonly counts: readonly number[]
  /** The node that the next request goes to. */
  next: number
  close(): Promise<void>
}

export async function startCluster(
  count: number,
  options: Partial<ServerOptions> = {},
  onNode: (io: Server) => void = () => {},
): Promise<TestCluster> {
  const hub = new InProcessHub()
  const nodes: TestNode[] = []
  for (let i = 0; i < count; i++) nodes.push(await startNode(hub.createBus(), options, onNode))
  await Promise.all(nodes.map(({ io }) => io.cluster!.ready()))
  const counts = nodes.map(() => 0)
  const cluster = { nodes, counts, next: 0, port: 0, url: '', close: (): Promise<void> => Promise.resolve() }
  const target = (): number => {
    const index = cluster.next
    cluster.next = (index + 1) % nodes.length
    counts[index]!++
    return nodes[index]!.port
  }
  const balancer = createServer((req, res) => passOn(req, res, target())).on('upgrade', (req, socket, head) =>
    tunnel(req, socket, head, target()),
  )
  await new Promise<void>((resolve) => balancer.listen(0, '127.0.0.1', resolve))
  cluster.port = (balancer.address() as AddressInfo).port
  cluster.url = `http://127.0.0.1:${cluster.port}`
  cluster.close = async () => {
    balancer.closeAllConnections()
    const ended = new Promise((resolve) => balancer.close(resolve))
    await Promise.all(
      nodes.map(async ({ io, http }) => {
        const closed = io.close()
        http.closeAllConnections()
        await closed
      }),
    )
    await ended
  }
  return cluster
}

export async function startNode(
  bus: Bus,
  options: Partial<ServerOptions> = {},
  onNode: (io: Server) => void = () => {},
): Promise<TestNode> {
  const http = createServer()
  const io = new Server(http, { ...options, cluster: { bus } })
  onNode(io)
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve))
  return { io, http, port: (http.address() as AddressInfo).port }
}

function passOn(req: IncomingMessage, res: ServerResponse, port: number): void {
  const onward = request(
    { port, host: '127.0.0.1', method: req.method, path: req.url, headers: req.headers, agent: false },
    (answer) => {
      res.writeHead(answer.statusCode!, answer.headers)
      answer.pipe(res)
      answer.on('error', () => res.destroy())
    },
  )
  onward.on('error', () => (res.headersSent ? res.destroy() : res.writeHead(502).end()))
  req.pipe(onward)
  res.on('close', () => onward.destroy())
}

function tunnel(req: IncomingMessage, socket: Duplex, head: Buffer, port: number): void {
  const onward = connect(port, '127.0.0.1')
  const lines = [`GET ${req.url} HTTP/1.1`]
  for (let i = 0; i < req.rawHeaders.length; i += 2)
    lines.push(`${req.rawHeaders[i]}: ${req.rawHeaders[i + 1]}`)
  onward.write(`${lines.join('\r\n')}\r\n\r\n`)
  onward.write(head)
  onward.pipe(socket)
  socket.pipe(onward)
  socket.on('error', () => onward.destroy()).on('close', () => onward.destroy())
  onward.on('error', () => socket.destroy()).on('close', () => socket.destroy())
}
