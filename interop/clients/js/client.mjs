// A real socket.io-client, driven over stdin and stdout. Usage: node client.mjs <version>. Protocol: ../../src/client-process.ts.
import { createRequire } from 'node:module'
import { createInterface } from 'node:readline'

const require = createRequire(import.meta.url)
const [version] = process.argv.slice(2)
const module = require(`socket.io-client-${version}`)
const io = module.io ?? module
const sockets = new Map()

// readline takes U+2028 and U+2029 for ends of lines, JSON does not escape them.
const write = (line) => {
  const text = JSON.stringify(line).replace(
    /[\u2028\u2029]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16)}`,
  )
  process.stdout.write(`${text}\n`)
}

function pack(value) {
  if (value instanceof ArrayBuffer) return { $bin: Buffer.from(value).toString('base64') }
  if (ArrayBuffer.isView(value))
    return { $bin: Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('base64') }
  if (Array.isArray(value)) return value.map(pack)
  if (value === null || typeof value !== 'object') return value
  return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, pack(entry)]))
}

function unpack(value) {
  if (Array.isArray(value)) return value.map(unpack)
  if (value === null || typeof value !== 'object') return value
  if (typeof value.$bin === 'string') return Buffer.from(value.$bin, 'base64')
  return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, unpack(entry)]))
}

const commands = {
  connect({ name, url, nsp, transports }) {
    const socket = io(url + (nsp === '/' ? '' : nsp), {
      transports,
      forceNew: true,
      reconnectionDelay: 100,
      reconnectionDelayMax: 300,
    })
    sockets.set(name, socket)
    const report = (event, ...args) => write({ name, event, args: pack(args) })
    socket.on('connect', () => report('connect'))
    socket.on('disconnect', (reason) => report('disconnect', reason))
    for (const event of ['connect_error', 'error']) {
      socket.on(event, (error) =>
        report(
          event,
          `${error?.message ?? error} ${error?.description?.message ?? error?.description ?? ''}`.trim(),
        ),
      )
    }
    for (const event of ['event', 'news', 'fence']) socket.on(event, (...args) => report(event, ...args))
    // Asked by the server: reports what came and answers with the same.
    socket.on('question', (...args) => {
      const answer = args.pop()
      report('question', ...args)
      answer(...args)
    })
  },
  emit({ name, event, args, ack }) {
    const acks = ack === undefined ? [] : [(...answer) => write({ reply: ack, args: pack(answer) })]
    sockets.get(name).emit(event, ...unpack(args), ...acks)
  },
  disconnect({ name }) {
    sockets.get(name).disconnect()
  },
  exit() {
    process.exit(0)
  },
}

createInterface({ input: process.stdin })
  .on('line', (line) => {
    const command = JSON.parse(line)
    commands[command.cmd](command)
  })
  .on('close', () => process.exit(0))
write({ ready: true })
