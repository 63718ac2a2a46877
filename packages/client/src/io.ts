// `io(url)`: the socket of a namespace on a Manager that is shared by all namespaces of a server.
import { Manager } from './manager.ts'
import type { ManagerOptions, SocketOptions } from './options.ts'
import type { Socket } from './socket.ts'
import { decodeQuery, parseUrl } from './url.ts'

const managers = new Map<string, Manager>()

type Options = Partial<ManagerOptions & SocketOptions> & { 'force new connection'?: boolean }

export function io(options?: Options): Socket
export function io(uri?: string, options?: Options): Socket
export function io(first?: string | Options, second?: Options): Socket {
  const uri = typeof first === 'string' ? first : undefined
  const options: Options = { ...(typeof first === 'string' ? second : first) }
  const url = parseUrl(uri)
  const known = managers.get(url.id)
  const isTaken = known !== undefined && url.path in known.nsps
  const isNew = options.forceNew || options['force new connection'] || options.multiplex === false || isTaken
  if (url.query !== '' && options.query === undefined) options.query = decodeQuery(url.query)
  let manager = known
  if (isNew) manager = new Manager(url.href, options)
  else if (manager === undefined) managers.set(url.id, (manager = new Manager(url.href, options)))
  return manager!.socket(url.path, options)
}
