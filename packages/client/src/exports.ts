// What both entries export: the names of the package this one replaces.
export { io, io as connect, io as default } from './io.ts'
export { Manager } from './manager.ts'
export type { ConnectErrorDetails, ManagerReservedEvents } from './manager.ts'
export { Socket } from './socket.ts'
export type { DisconnectDescription, ExtendedError, SocketReservedEvents } from './socket.ts'
export type { ManagerOptions, SocketOptions } from './options.ts'
export { EngineClient } from './engine/engine-client.ts'
export { Polling, Polling as Fetch, Polling as NodeXHR, Polling as XHR } from './transports/polling.ts'
export { WebSocketTransport, WebSocketTransport as NodeWebSocket, WebSocketTransport as WebSocket } from './transports/websocket.ts'
export { TransportError } from './transports/transport.ts'
export type { Transport, TransportConstructor, TransportContext, TransportHandler } from './transports/transport.ts'
/** The Socket.IO protocol revision of the newest servers. */
export const protocol: 5 = 5
