// The smallest entry: WebSocket only, servers 3.x and 4.x only. For those who know their server and their network.
import { setPlatform } from './platform/platform.ts'
import { websocketOnly } from './platform/websocket-only.ts'

setPlatform(websocketOnly)

export { io, io as connect, io as default } from './io.ts'
export { Manager } from './manager.ts'
export type { ConnectErrorDetails, ManagerReservedEvents, TooLargeError } from './manager.ts'
export { Socket } from './socket.ts'
export type { DisconnectDescription, ExtendedError, SocketReservedEvents } from './socket.ts'
export type { ManagerOptions, SocketOptions } from './options.ts'
export { protocol } from './protocol-number.ts'
