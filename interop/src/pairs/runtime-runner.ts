// Runs scenarios over pairs with our server in another runtime, on Bun.serve or on node:http: bun --conditions=tidewire-source runtime-runner.ts
// <bun or http>. One line of JSON for each scenario and pair, with the trace that was left.
import { createRequire } from 'node:module'
import * as tidewire from 'tidewire'
import { serve } from 'tidewire/bun'
import * as tidewireClient from '@tidewire/client'
import { toLine } from '../client-process.ts'
import { scenarios } from './scenarios.ts'
import { traceOf } from './scenario.ts'
import type { Pair } from './scenario.ts'

const require = createRequire(import.meta.url)
const server: Pair['server'] = {
  isOurs: true,
  module: tidewire,
  serve(options) {
    const io = new tidewire.Server(options)
    const bun = serve(io, {
      port: 0,
      hostname: '127.0.0.1',
      fetch: () => new Response('the application', { status: 404 }),
    })
    return { io, http: io.httpServer, port: bun.port! }
  },
}
const pairs: Pair[] = [
  {
    name: 'socket.io-client',
    server,
    client: { isOurs: false, module: require('socket.io-client-4.8.4') },
  },
  { name: '@tidewire/client', server, client: { isOurs: true, module: tidewireClient } },
]

/** About servers of node:http, which Bun has too. */
const ON_NODE_HTTP = new Set(['http server given later, by attach and listen'])
const onNodeHttp = process.argv[2] === 'http'
/** Scenarios at a time. */
const LANES = 8
const jobs = scenarios.flatMap((scenario) => pairs.map((pair) => ({ scenario, pair })))

async function work(): Promise<void> {
  for (let job = jobs.shift(); job !== undefined; job = jobs.shift()) {
    const { scenario, pair } = job
    const { isOurs, module } = pair.server
    const trace = await traceOf(
      scenario,
      onNodeHttp || ON_NODE_HTTP.has(scenario.name) ? { ...pair, server: { isOurs, module } } : pair,
    )
    process.stdout.write(toLine({ scenario: scenario.name, pair: pair.name, trace }))
  }
}

process.on('unhandledRejection', (error) => console.error('unhandled', error))
await Promise.all(Array.from({ length: LANES }, work))
process.exit(0)
