// Answers that need nothing of the engine (client files, health), apart from the HTTP library that carries them.
import type { IncomingHttpHeaders, ServerResponse } from 'node:http'

/** What such an answer depends on: a request of node:http has it. */
export interface AskedFor {
  readonly method?: string | undefined
  readonly url?: string | undefined
  readonly headers: IncomingHttpHeaders
}

export interface PlainAnswer {
  readonly status: number
  readonly headers: Record<string, string>
  readonly body?: Uint8Array | string
}

/** Gives the answer, if there is one, and says so. */
export function writeAnswer(res: ServerResponse, answer: PlainAnswer | undefined): boolean {
  if (answer === undefined) return false
  res.writeHead(answer.status, answer.headers)
  res.end(answer.body)
  return true
}
