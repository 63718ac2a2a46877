// Headers that every answer of the engine has, and those that the application adds ("headers", "initial_headers"). In: a response whose head
// has not been sent. Out: the same with its headers.
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http'

const PLAIN_HEADERS: readonly string[] = ['Cache-Control', 'no-store', 'X-Content-Type-Options', 'nosniff']
const NO_HEADERS: readonly string[] = []

type HeaderEvent = 'headers' | 'initial_headers'

/** The engine, whose listeners may add headers. */
export interface HeaderSource {
  listenerCount(event: string): number
  /** Listeners are called; errors of theirs are reported. */
  tell(event: string, ...args: unknown[]): void
  reportUserError(error: unknown, event: string): void
}

export class AnswerHeaders {
  readonly #source: HeaderSource

  constructor(source: HeaderSource) {
    this.#source = source
  }

  /** Those that an answer still needs; others are on the response then. */
  headersOf(req: IncomingMessage, res: ServerResponse): readonly string[] {
    if (this.#source.listenerCount('headers') === 0 && !isOldInternetExplorer(req.headers)) return PLAIN_HEADERS
    this.decorate(req, res)
    return NO_HEADERS
  }

  decorate(req: IncomingMessage, res: ServerResponse): void {
    res.setHeader('Cache-Control', 'no-store')
    res.setHeader('X-Content-Type-Options', 'nosniff')
    if (isOldInternetExplorer(req.headers)) res.setHeader('X-XSS-Protection', '0')
    this.collect('headers', req, res)
  }

  /** Of the listeners, if there are any. */
  collect(event: HeaderEvent, req: IncomingMessage, res: ServerResponse): void {
    if (this.#source.listenerCount(event) === 0) return
    const headers: Record<string, string | string[]> = {}
    this.#source.tell(event, headers, req)
    setHeaders(res, headers, (error) => this.#source.reportUserError(error, event))
  }
}

/** A value that is no header (a line break in it) is reported and left out; it must not end the process, or split the answer. */
export function setHeaders(res: ServerResponse, headers: Readonly<Record<string, string | readonly string[]>>, report: (error: unknown) => void): void {
  for (const [name, value] of Object.entries(headers)) {
    try {
      res.setHeader(name, value)
    } catch (error) {
      report(error)
    }
  }
}

export function isOldInternetExplorer(headers: IncomingHttpHeaders): boolean {
  const agent = headers['user-agent']
  return agent !== undefined && (agent.includes(';MSIE') || agent.includes('Trident/'))
}
