// Real load balancers in front of the nodes of a test: nginx and HAProxy, as child processes with a configuration of their own.
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort, startDaemon } from './daemon.ts'
import type { Daemon } from './daemon.ts'
import { provision } from './provision.ts'

export interface NginxOptions {
  /** Default 1: with several, each has its own round robin. */
  workers?: number
  /** Default: a free one. */
  port?: number
}

/** Starts nginx with what stands in its `http` block; `config` is given the port to listen on. */
export async function startNginx(
  config: (port: number) => string,
  { workers = 1, port: wanted }: NginxOptions = {},
): Promise<Daemon> {
  const program = await provision('nginx')
  const port = wanted ?? (await freePort())
  const dir = mkdtempSync(join(tmpdir(), 'tidewire-nginx-'))
  const folders = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (name) => `${name}_temp_path ${join(dir, name)};`,
  )
  writeFileSync(
    join(dir, 'nginx.conf'),
    [
      'daemon off;',
      ...(process.getuid?.() === 0 ? ['user root;'] : []),
      `worker_processes ${workers};`,
      `pid ${join(dir, 'pid')};`,
      'error_log stderr warn;',
      'events { worker_connections 4096; }',
      'http {',
      'access_log off;',
      ...folders,
      config(port),
      '}',
    ].join('\n'),
  )
  return startDaemon(program, ['-p', dir, '-e', 'stderr', '-c', join(dir, 'nginx.conf')], { port, dir })
}

/** Starts HAProxy with a whole configuration; `config` is given the port to listen on. */
export async function startHaproxy(config: (port: number) => string): Promise<Daemon> {
  const program = await provision('haproxy')
  const port = await freePort()
  const dir = mkdtempSync(join(tmpdir(), 'tidewire-haproxy-'))
  writeFileSync(join(dir, 'haproxy.cfg'), `${config(port)}\n`)
  return startDaemon(program, ['-db', '-f', join(dir, 'haproxy.cfg')], { port, dir, stopSignal: 'SIGUSR1' })
}
