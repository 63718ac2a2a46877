// This server, with the options of a preset and no others.
import { createServer } from 'node:http'
import { Server } from 'tidewire'
import { options, serve } from './application.ts'

const http = createServer()
serve(http, new Server(http, options))
