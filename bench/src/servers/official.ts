// socket.io 4.8.4 as published, with `ws`. EIO3 is switched on because the scenario "mixed" brings 2.x clients; ours serves them unasked.
import { createServer } from 'node:http'
import { Server } from 'socket.io-4.8.4'
import { serve } from './application.ts'

const http = createServer()
serve(http, new Server(http, { allowEIO3: true }))
