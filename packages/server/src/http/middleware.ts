// Connect-style middleware for engine requests (`io.engine.use`): sessions, security headers, authentication. A middleware that throws or
// rejects refuses the request; it never ends the process.
import type { IncomingMessage, ServerResponse } from 'node:http'

export type EngineMiddleware = (req: IncomingMessage, res: ServerResponse, next: (error?: unknown) => void) => unknown

/** Calls `done` once, when all have called `next`, or with the first error. Not called when a middleware answers by itself. */
export function runMiddlewares(
  middlewares: readonly EngineMiddleware[],
  req: IncomingMessage,
  res: ServerResponse,
  done: (error?: unknown) => void,
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
    try {
      const result = middlewares[index]!(req, res, next)
      if (result instanceof Promise) result.catch((error: unknown) => next(error || new Error('middleware failed')))
    } catch (error) {
      next(error || new Error('middleware failed'))
    }
  }
  run(0)
}
