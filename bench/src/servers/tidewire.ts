// This server, no option set.
import { createServer } from 'node:http'
import { Server } from 'tidewire'
import { serve } from './application.ts'

const http = createServer()
serve(http, new Server(http))
