// compat: `socket.io/dist/socket-types`.
export type { DisconnectReason, SocketReservedEvents as SocketReservedEventsMap } from '../socket/socket.ts'
export type { Handshake } from '../socket/handshake.ts'
