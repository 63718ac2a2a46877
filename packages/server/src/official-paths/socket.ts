// compat: `socket.io/dist/socket`.
export { Socket } from '../socket/socket.ts'
export type { DisconnectReason, Event } from '../socket/socket.ts'
export type { Handshake } from '../socket/handshake.ts'
