// socket.io 4.8.4 with the WebSockets of eiows, which are native code.
import { createServer } from 'node:http'
import { Server as WebSocketEngine } from 'eiows'
import { Server } from 'socket.io-4.8.4'
import { serve } from './application.ts'

const http = createServer()
serve(http, new Server(http, { allowEIO3: true, wsEngine: WebSocketEngine }))
