// `io(url)`: the socket of a namespace on a Manager that is shared by all namespaces of a server.
import { scope } from './debug.ts'
import { HAS_DEBUG } from './features.ts'
import { Manager } from './manager.ts'
import type { ManagerOptions, SocketOptions } from './options.ts'
import type { Socket } from './socket.ts'
import { decodeQuery, parseUrl } from './url.ts'

const debug = HAS_DEBUG ? scope('socket.io-client') : undefined
const managers = new Map<string, Manager>()

type Options = Partial<ManagerOptions & SocketOptions> & { 'force new connection'?: boolean }

/**
 * The socket of the namespace that the URL's path names ("/" without one). Calls with the same origin share one Manager and its connection,
 * unless `forceNew` is set or the namespace is in use. Without a URL: the page's own server, and where there is no page the one of this machine.
 */
export function io(options?: Options): Socket
export function io(uri?: string, options?: Options): Socket
export function io(first?: string | Options, second?: Options): Socket {
  const isUri = !first || typeof first === 'string'
  const options: Options = { ...(isUri ? second : first) }
  const url = parseUrl(isUri ? first : undefined)
  const known = managers.get(url.id)
  const isTaken = known && url.path in known.nsps
  const isNew = options.forceNew || options['force new connection'] || options.multiplex === false || isTaken
  if (url.query) options.query ??= decodeQuery(url.query)
  const manager = (!isNew && known) || new Manager(url.source, options)
  if (HAS_DEBUG) debug!('%s connection for %s', manager === known ? 'known' : 'new', url.source)
  if (!isNew) managers.set(url.id, manager)
  return manager.socket(url.path, options)
}
