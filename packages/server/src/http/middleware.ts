// Connect-style middleware for engine requests (`io.engine.use`): sessions, security headers, authentication. A middleware that throws or
// rejects refuses the request; it never ends the process.
import type { IncomingMessage, ServerResponse } from 'node:http'

export type EngineMiddleware = (req: IncomingMessage, res: ServerResponse, next: (error?: unknown) => void) => unknown

/**
 * Calls `done` once, when all have called `next`, or with the first error. Not called when a middleware answers by itself. `report` gets what
 * they throw or reject with; an error given to `next` is a decision, not a failure.
 */
export function runMiddlewares(
  middlewares: readonly EngineMiddleware[],
  req: IncomingMessage,
  res: ServerResponse,
  done: (error?: unknown) => void,
  report: (error: unknown) => void,
): void {
  const run = (index: number): void => {
    if (index === middlewares.length) return done()
    let isCalled = false
    const next = (error?: unknown): void => {
      if (isCalled) return
      isCalled = true
      if (error) done(error)
      else run(index + 1)
    }
    const fail = (error: unknown): void => {
      report(error)
      next(error || new Error('middleware failed'))
    }
    try {
      const result = middlewares[index]!(req, res, next)
      if (result instanceof Promise) result.catch(fail)
    } catch (error) {
      fail(error)
    }
  }
  run(0)
}
