// Nodes of a cluster as processes of their own, on a real broker, and what they say.
import type { ChildProcess } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { freePort, spawnGroup, stopGroup } from '@tidewire/testkit/daemon'
import type { TestCertificate } from './test-certificate.ts'

const program = fileURLToPath(new URL('../servers/tidewire/cluster-node.ts', import.meta.url))
const DEADLINE_MS = 40_000

export interface Said {
  readonly event: string
  readonly [key: string]: unknown
}

export class ClusterNodeProcess {
  readonly port: number
  incarnation = ''
  readonly said: Said[] = []
  readonly child: ChildProcess
  #stderr = ''
  readonly #waiters = new Set<() => void>()

  private constructor(port: number, bus: string | object, options: object) {
    this.port = port
    this.child = spawnGroup(
      process.execPath,
      ['--conditions=tidewire-source', program, String(port), JSON.stringify(bus), JSON.stringify(options)],
      { stdio: ['ignore', 'pipe', 'pipe'] },
    )
    createInterface({ input: this.child.stdout! }).on('line', (line) => {
      this.said.push(JSON.parse(line) as Said)
      for (const wake of this.#waiters) wake()
    })
    this.child.stderr!.setEncoding('utf8').on('data', (text: string) => (this.#stderr += text))
  }

  /** Not ready yet: `until` it is, or says what is wrong. */
  static async spawn(bus: string | object, options: object = {}): Promise<ClusterNodeProcess> {
    return new ClusterNodeProcess(await freePort(), bus, options)
  }

  static async start(bus: string | object, options: object = {}): Promise<ClusterNodeProcess> {
    const node = await ClusterNodeProcess.spawn(bus, options)
    const { incarnation } = await node.until('it is ready', ({ event }) => event === 'ready')
    node.incarnation = incarnation as string
    return node
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`
  }

  get stderr(): string {
    return this.#stderr
  }

  /** The first line that holds, said already or later. */
  until(what: string, holds: (line: Said) => boolean, deadlineMs: number = DEADLINE_MS): Promise<Said> {
    return new Promise((resolve, reject) => {
      const look = (): void => {
        const found = this.said.find(holds)
        if (found === undefined) return
        done()
        resolve(found)
      }
      const timer = setTimeout(() => {
        done()
        reject(
          new Error(
            `${what}: not within ${deadlineMs} ms; it said ${JSON.stringify(this.said.slice(-20))} ${this.#stderr}`,
          ),
        )
      }, deadlineMs)
      const done = (): void => {
        clearTimeout(timer)
        this.#waiters.delete(look)
      }
      this.#waiters.add(look)
      look()
    })
  }

  count(event: string): number {
    return this.said.filter((line) => line.event === event).length
  }

  signal(name: NodeJS.Signals): void {
    process.kill(this.child.pid!, name)
  }

  stop(): Promise<void> {
    return stopGroup(this.child)
  }
}

export interface NginxVariant {
  readonly random?: boolean
  readonly keepalive?: boolean
  readonly tls?: TestCertificate
}

/** As in the first report of this case: round robin, `ip_hash` commented out, the Upgrade headers set. */
export function roundRobin(
  ports: readonly number[],
  { random, keepalive, tls }: NginxVariant = {},
): (port: number) => string {
  return (port) => `
    map $http_upgrade $connection_upgrade { default upgrade; '' ''; }
    upstream nodes {
      ${random === true ? 'random;' : '# ip_hash;'}
      ${ports.map((one) => `server 127.0.0.1:${one};`).join(' ')}
      ${keepalive === true ? 'keepalive 16;' : ''}
    }
    server {
      listen 127.0.0.1:${port}${tls === undefined ? '' : ' ssl'};
      ${tls === undefined ? '' : `ssl_certificate ${tls.certificate}; ssl_certificate_key ${tls.key};`}
      location / {
        proxy_pass http://nodes;
        proxy_http_version 1.1;
        proxy_set_header Upgrade $http_upgrade;
        proxy_set_header Connection ${keepalive === true ? '$connection_upgrade' : '"upgrade"'};
        proxy_set_header Host $host;
      }
    }`
}

export function haproxyRoundRobin(ports: readonly number[], tls?: TestCertificate): (port: number) => string {
  return (port) => `defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
  timeout tunnel 1h
frontend web
  bind 127.0.0.1:${port}${tls === undefined ? '' : ` ssl crt ${tls.bundle}`}
  default_backend nodes
backend nodes
  balance roundrobin
  ${ports.map((one, index) => `server node${index} 127.0.0.1:${one}`).join('\n  ')}`
}
