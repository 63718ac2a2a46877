// The four pairs of {official 4.8.4, ours} server and client. The first is the reference.
import { createRequire } from 'node:module'
import * as tidewire from 'tidewire'
import * as tidewireClient from '@tidewire/client'
import type { Pair } from './scenario.ts'

const require = createRequire(import.meta.url)
const official = { isOurs: false, name: 'socket.io', module: require('socket.io-4.8.4') }
const ours = { isOurs: true, name: 'tidewire', module: tidewire }
const officialClient = { isOurs: false, name: 'socket.io-client', module: require('socket.io-client-4.8.4') }
const ourClient = { isOurs: true, name: '@tidewire/client', module: tidewireClient }

function pair(server: typeof official, client: typeof officialClient): Pair {
  return { name: `${server.name} and ${client.name}`, server, client }
}

export const REFERENCE: Pair = pair(official, officialClient)
export const OTHERS: Pair[] = [pair(official, ourClient), pair(ours, officialClient), pair(ours, ourClient)]
