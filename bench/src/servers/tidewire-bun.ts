// This server on Bun.serve, no option set, run by Bun. Prints its port; its costs are read from outside.
import { Server } from 'tidewire'
import { serve } from 'tidewire/bun'
import { listen } from './application.ts'

const io = new Server()
listen(io)
const { port } = serve(io, { port: 0, hostname: '127.0.0.1' })
console.log(JSON.stringify({ port }))
