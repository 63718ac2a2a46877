// The published parsers, as black boxes: those that the published servers bring.
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'

const interop = createRequire(new URL('../../interop/package.json', import.meta.url))

function packageOf(server: string, ...path: string[]): { module: any; version: string } {
  let require = createRequire(interop.resolve(server))
  for (const step of path.slice(0, -1)) require = createRequire(require.resolve(step))
  const name = path.at(-1)!
  const folder = require.resolve(name).replace(new RegExp(`^(.*node_modules/${name})/.*$`), '$1')
  return { module: require(name), version: (JSON.parse(readFileSync(`${folder}/package.json`, 'utf8')) as { version: string }).version }
}

export const engineParser4 = packageOf('socket.io-4.8.4', 'engine.io', 'engine.io-parser')
export const engineParser3 = packageOf('socket.io-2.5.1', 'engine.io', 'engine.io-parser')
export const socketParser5 = packageOf('socket.io-4.8.4', 'socket.io-parser')
export const socketParser4 = packageOf('socket.io-2.5.1', 'socket.io-parser')
export const msgpackParser: any = interop('socket.io-msgpack-parser')
