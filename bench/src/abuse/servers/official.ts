// socket.io 4.8.4 as published. Revision 3 is switched on because some cases bring it; ours serves it unasked.
import { createServer } from 'node:http'
import { Server } from 'socket.io-4.8.4'
import { options, serve } from './application.ts'

const http = createServer()
serve(http, new Server(http, { ...options, allowEIO3: true }))
