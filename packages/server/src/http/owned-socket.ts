// A TCP connection and who owns it at the moment. The same six listeners serve all connections and find the owner under a symbol, so that one
// that goes from HTTP to WebSocket costs neither closures nor listeners that are put on and taken off. Out: what the connection tells, to its owner.
import { Socket } from 'node:net'

export interface SocketOwner {
  socketData(chunk: Buffer): void
  /** What was written is in the hands of the kernel. */
  socketDrained(): void
  /** The client sends no more. */
  socketEnded(): void
  socketFailed(error: Error): void
  socketClosed(): void
  /** A time-out that code of the application has set has run out. */
  socketTimedOut?(): void
}

const OWNER = Symbol('tidewire owner')
type OwnedSocket = Socket & { [OWNER]?: SocketOwner | undefined }

const { push, _read } = Socket.prototype

/**
 * In place of `push`, by which a stream is given what was read: while it flows and nobody else listens, the owner gets that at once.
 * perf: the stream would pass it on all the same, by an event, a tick in which it asks for more, and a read of nothing (docs/decisions/0015).
 */
function pushToOwner(this: OwnedSocket, chunk: Buffer | null, encoding?: BufferEncoding): boolean {
  const owner = this[OWNER]
  if (owner === undefined || chunk === null || this.readableFlowing !== true || this.readableLength > 0 || this.listenerCount('data') > 1) {
    return Reflect.apply(push, this, [chunk, encoding])
  }
  owner.socketData(chunk)
  return true
}

/**
 * Node's own listener for the end of a connection, which does nothing on one that may be half open, as those of HTTP servers are.
 * perf: two listeners for one event are kept in an array, which every idle connection would have.
 */
let nodesEnd: ((...args: any[]) => void) | undefined

function removeNodesEnd(socket: Socket): void {
  nodesEnd ??= socket.listeners('end').find(({ name }) => name === 'onReadableStreamEnd') as typeof nodesEnd
  if (nodesEnd !== undefined && socket.allowHalfOpen) socket.removeListener('end', nodesEnd)
}

/** Makes `owner` the one that is told, instead of the one before. `mayTimeOut`: code of the application may have set a time-out on it. */
export function own(socket: Socket, owner: SocketOwner, mayTimeOut = true): void {
  const owned: OwnedSocket = socket
  const isNew = owned[OWNER] === undefined
  owned[OWNER] = owner
  if (!isNew) return
  // The error listener stands before the first byte is read: an error without one would end the process.
  owned.on('error', handleError)
  owned.on('close', handleClose)
  removeNodesEnd(owned)
  owned.on('end', handleEnd)
  owned.on('drain', handleDrain)
  owned.on('data', handleData)
  // A stream that is not a connection is asked for more with every push; so is one of a class that is, with a source of its own.
  if (owned.push === push && owned._read === _read && owned instanceof Socket) owned.push = pushToOwner
  if (mayTimeOut) owned.on('timeout', handleTimeout)
}

/** Nobody is told any more: the connection is as it was before. */
export function disown(socket: Socket): void {
  const owned: OwnedSocket = socket
  if (owned[OWNER] === undefined) return
  owned[OWNER] = undefined
  if (owned.push === pushToOwner) owned.push = push
  owned.removeListener('error', handleError)
  owned.removeListener('close', handleClose)
  owned.removeListener('end', handleEnd)
  if (nodesEnd !== undefined && owned.allowHalfOpen) owned.prependListener('end', nodesEnd)
  owned.removeListener('drain', handleDrain)
  owned.removeListener('data', handleData)
  owned.removeListener('timeout', handleTimeout)
}

export function isOwned(socket: Socket, by?: SocketOwner): boolean {
  const owner = (socket as OwnedSocket)[OWNER]
  return owner !== undefined && (by === undefined || owner === by)
}

function handleData(this: OwnedSocket, chunk: Buffer): void {
  this[OWNER]?.socketData(chunk)
}
function handleDrain(this: OwnedSocket): void {
  this[OWNER]?.socketDrained()
}
function handleEnd(this: OwnedSocket): void {
  this[OWNER]?.socketEnded()
}
function handleTimeout(this: OwnedSocket): void {
  this[OWNER]?.socketTimedOut?.()
}
function handleError(this: OwnedSocket, error: Error): void {
  this[OWNER]?.socketFailed(error)
}
function handleClose(this: OwnedSocket): void {
  this[OWNER]?.socketClosed()
}
