// Our client in another runtime: bun --conditions=tidewire-source runtime-client.mjs <url>… . Meets each server over each transport, exchanges an
// event with text and binary, and is sent away; one line of JSON for each.
import { io } from '@tidewire/client'

const within = (promise, what) =>
  Promise.race([
    promise,
    new Promise((_resolve, reject) => setTimeout(() => reject(new Error(`no ${what}`)), 10_000).unref?.()),
  ])

async function meet(url, transports) {
  const socket = io(url, { transports, forceNew: true, reconnection: false })
  const failed = new Promise((_resolve, reject) => socket.once('connect_error', reject))
  failed.catch(() => {})
  await within(
    Promise.race([new Promise((resolve) => socket.once('connect', resolve)), failed]),
    'connection',
  )
  const { engine } = socket.io
  if (transports.length > 1 && engine.transport.name !== 'websocket')
    await within(new Promise((resolve) => engine.once('upgrade', resolve)), 'upgrade')
  const ask = (event, value) => within(new Promise((resolve) => socket.emit(event, value, resolve)), event)
  const text = await ask('echo', { 汉字: '😀' })
  const bytes = new Uint8Array(await ask('echo-binary', new Uint8Array([1, 2, 255])))
  const left = new Promise((resolve) => socket.once('disconnect', resolve))
  socket.emit('kick')
  return [engine.transport.name, text, [...bytes], await within(left, 'disconnect')]
}

for (const url of process.argv.slice(2)) {
  for (const transports of [['polling'], ['websocket'], ['polling', 'websocket']]) {
    const result = await meet(url, transports).catch((error) => [
      `${error.message} ${error.description?.message ?? error.description ?? ''}`,
    ])
    console.log(JSON.stringify({ url, transports, result }))
  }
}
process.exit(0)
