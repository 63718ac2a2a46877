// Several nodes of the chat behind one address: Redis between them, nginx in front, round robin as it comes. All run only as long as this
// does; the daemons are found or installed as for the tests (scripts/provision.mjs).
import { randomBytes } from 'node:crypto'
import { startNginx } from '@tidewire/testkit/balancer'
import { startRedis } from '@tidewire/testkit/daemon'
import type { ClusterSettings } from 'tidewire'
import { MAX_IMAGE_BYTES } from './limits.ts'

export interface ChatNode {
  readonly port: number
  close(): Promise<void>
}

export interface ChatNodes<Node extends ChatNode> {
  readonly url: string
  readonly nodes: readonly Node[]
  close(): Promise<void>
}

/** `start` starts one node on a free port, as a member of the cluster. */
export async function startNodes<Node extends ChatNode>(
  count: number,
  port: number,
  start: (cluster: ClusterSettings) => Promise<Node>,
): Promise<ChatNodes<Node>> {
  const redis = await startRedis()
  const cluster = { bus: `redis://127.0.0.1:${redis.port}`, secret: randomBytes(32).toString('base64') }
  const nodes: Node[] = []
  try {
    // The first one makes the database.
    nodes.push(await start(cluster))
    nodes.push(...(await Promise.all(Array.from({ length: count - 1 }, () => start(cluster)))))
    const nginx = await startNginx((free) => configOf(port === 0 ? free : port, nodes), {
      ...(port === 0 ? {} : { port }),
    })
    return {
      url: `http://localhost:${nginx.port}`,
      nodes,
      async close() {
        await Promise.all(nodes.map((node) => node.close()))
        await nginx.stop()
        await redis.stop()
      },
    }
  } catch (error) {
    await Promise.all(nodes.map((node) => node.close()))
    await redis.stop()
    throw error
  }
}

/** What docs/guides/deploying.md says, for the whole site. */
function configOf(port: number, nodes: readonly ChatNode[]): string {
  return `
    upstream chat { ${nodes.map((node) => `server 127.0.0.1:${node.port} max_fails=0;`).join(' ')} }
    map $http_upgrade $connection_upgrade { default upgrade; '' ''; }
    server {
      listen ${port};
      location / {
        proxy_pass http://chat;
        proxy_http_version 1.1;
        proxy_set_header Upgrade $http_upgrade;
        proxy_set_header Connection $connection_upgrade;
        proxy_set_header Host $http_host;
        proxy_buffering off;
        proxy_request_buffering off;
        proxy_next_upstream error timeout http_503;
        client_max_body_size ${MAX_IMAGE_BYTES + 1024 * 1024};
      }
    }`
}
