// Refusals: an engine error becomes an HTTP answer, on a request and, before any 101, on an upgrade.
import { ENGINE_ERRORS } from '@tidewire/protocol'
import { STATUS_CODES } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import { LIMITS } from '../limits.ts'

/** Why a request is refused, and with which status. @internal */
export interface EngineRejection {
  code: number
  message: string
  status: number
  /** Cause and fix, for the person who reads the answer. */
  hint?: string
  /** What the application is told in `connection_error`. */
  context?: Record<string, unknown>
}

type ErrorName = keyof typeof ENGINE_ERRORS

export function rejection(name: ErrorName, context?: Record<string, unknown>, hint?: string): EngineRejection {
  const { code, message } = ENGINE_ERRORS[name]
  return { code, message, status: code === ENGINE_ERRORS.FORBIDDEN.code ? 403 : 400, ...(hint ? { hint } : {}), ...(context ? { context } : {}) }
}

export function bodyOf({ code, message, hint }: EngineRejection): string {
  return JSON.stringify(hint === undefined ? { code, message } : { code, message, hint })
}

export function rejectRequest(res: ServerResponse, reason: EngineRejection): void {
  if (res.headersSent) return
  const body = bodyOf(reason)
  // A connection that is kept would bring the client back to a node that is to end.
  if (reason.status === 503) res.setHeader('Connection', 'close')
  res.writeHead(reason.status, { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body) })
  res.end(body)
}

/** What still comes of the body of a request that has been answered is thrown away; one that does not end is cut off. */
export function dismissBody(req: IncomingMessage): void {
  req.resume()
  const { 'content-length': length = '0', 'transfer-encoding': encoding } = req.headers
  if (req.complete || (length === '0' && encoding === undefined)) return
  const timer = setTimeout(() => req.destroy(), LIMITS.refusedBodyTime.default).unref()
  const done = (): void => clearTimeout(timer)
  req.once('end', done)
  req.once('close', done)
}

/** The answer to an upgrade request. */
export function textOf({ message, hint }: EngineRejection): string {
  return hint === undefined ? message : `${message}: ${hint}`
}

/** Answers an upgrade request in HTTP and closes the connection. */
export function rejectUpgrade(socket: Duplex, reason: EngineRejection, headers: Record<string, unknown> = {}): void {
  if (!socket.writable) return void socket.destroy()
  const body = textOf(reason)
  const statusText = STATUS_CODES[reason.status]!
  const extra = Object.entries(headers).map(([name, value]) => `${name}: ${String(value)}\r\n`)
  socket.end(
    `HTTP/1.1 ${reason.status} ${statusText}\r\nConnection: close\r\nContent-Type: text/html\r\nContent-Length: ${Buffer.byteLength(body)}\r\n${extra.join('')}\r\n${body}`,
    () => socket.destroy(),
  )
}
