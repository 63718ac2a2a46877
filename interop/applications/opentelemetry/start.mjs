import { Server } from 'socket.io'
import { io as connect } from 'socket.io-client'
import { run } from './program.mjs'

await run((http) => new Server(http), connect)
