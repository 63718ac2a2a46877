// Diagnostics channels (`node:diagnostics_channel`), for tracing, logs and alarms. Each message is built only while somebody subscribes. A
// subscriber runs in the middle of the server's work: it must not change what it gets, and what it throws ends the process, as Node has it.
import { channel } from 'node:diagnostics_channel'
import type { Channel } from 'node:diagnostics_channel'

interface Channels {
  /** `{ session }`: an Engine.IO session has opened. */
  readonly sessionOpen: Channel
  /** `{ session, reason, description }`: it has ended. */
  readonly sessionClose: Channel
  /** `{ socket }`: a client has joined a namespace; its "connection" listeners have run. */
  readonly socketConnect: Channel
  /** `{ socket, reason, description }`: it has left. */
  readonly socketDisconnect: Channel
  /** `{ request, code, message, name, context }`: a request was refused. */
  readonly refusal: Channel
  /** `{ limit, session, detail }`: a limit of docs/limits.md was hit, by a session if it is known. */
  readonly limit: Channel
  /** `{ error, socket, event }`: user code has thrown or rejected. */
  readonly handlerError: Channel
}

export const CHANNELS: Channels = {
  sessionOpen: channel('tidewire:session:open'),
  sessionClose: channel('tidewire:session:close'),
  socketConnect: channel('tidewire:socket:connect'),
  socketDisconnect: channel('tidewire:socket:disconnect'),
  refusal: channel('tidewire:refusal'),
  limit: channel('tidewire:limit'),
  handlerError: channel('tidewire:handler:error'),
}
