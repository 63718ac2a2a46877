// Two nodes on Redis behind nginx round robin, one client at a time: how long a connect takes, and the round trip of an acknowledged emit. Every
// second request lands on the node that does not own the session.
import { createRequire } from 'node:module'
import { startNginx } from '@tidewire/testkit/balancer'
import { brokers, startNodes } from './processes.ts'

const require = createRequire(import.meta.url)

function quantile(values: number[], part: number): number {
  return values.toSorted((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * part))]!
}

const connect = (version: string, url: string, transports: string[]): Promise<any> =>
  new Promise((resolve, reject) => {
    const socket = require(`socket.io-client-${version}`)(url, {
      transports,
      forceNew: true,
      reconnection: false,
    })
    socket.once('connect', () => resolve(socket))
    for (const event of ['connect_error', 'error']) socket.once(event, reject)
  })

const echo = (socket: any, text: string): Promise<unknown> =>
  new Promise((resolve) => socket.emit('echo', text, resolve))

export async function latency(count: number): Promise<string[]> {
  const broker = await brokers['Redis']!()
  const nodes = await startNodes(broker.url, 2)
  const servers = nodes.map(({ port }) => `server 127.0.0.1:${port} max_fails=0;`).join(' ')
  const nginx = await startNginx(
    (port) => `map $http_upgrade $connection_upgrade { default upgrade; '' ''; }
      upstream nodes { ${servers} }
      server { listen 127.0.0.1:${port}; location / { proxy_pass http://nodes; proxy_http_version 1.1; proxy_buffering off;
        proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection $connection_upgrade; proxy_set_header Host $host; } }`,
  )
  const url = `http://127.0.0.1:${nginx.port}`
  const lines = ['| client | connect p50 | p99 | polling round trip p50 | p99 |', '|---|---|---|---|---|']
  try {
    for (const version of ['4.8.4', '2.5.0']) {
      // The first ones warm the nodes up.
      for (let n = 0; n < 20; n++) (await connect(version, url, ['polling', 'websocket'])).disconnect()
      const connects: number[] = []
      for (let n = 0; n < count; n++) {
        const began = performance.now()
        const socket = await connect(version, url, ['polling', 'websocket'])
        connects.push(performance.now() - began)
        socket.disconnect()
      }
      const trips: number[] = []
      const socket = await connect(version, url, ['polling'])
      for (let n = 0; n < 50; n++) await echo(socket, 'warm')
      for (let n = 0; n < 5 * count; n++) {
        const began = performance.now()
        await echo(socket, 'x'.repeat(100))
        trips.push(performance.now() - began)
      }
      socket.disconnect()
      const ms = (values: number[], part: number): string => `${quantile(values, part).toFixed(1)} ms`
      lines.push(
        `| socket.io-client ${version} | ${ms(connects, 0.5)} | ${ms(connects, 0.99)} | ${ms(trips, 0.5)} | ${ms(trips, 0.99)} |`,
      )
    }
  } finally {
    await Promise.all(nodes.map((node) => node.stop()))
    await nginx.stop()
    await broker.stop()
  }
  return lines
}
