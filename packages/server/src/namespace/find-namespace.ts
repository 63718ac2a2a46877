// The namespace a client asks for: one that there is, or one of a family that has it. In: name and auth of a CONNECT. Out: the namespace, perhaps made
// for it. What functions of the application throw or reject with is reported, and is no.
import type { Server } from '../server.ts'
import type { Namespace } from './namespace.ts'
import type { ParentNamespace } from './parent-namespace.ts'

type AnyServer = Server<any, any, any, any>
type AnyNamespace = Namespace<any, any, any, any>

/** Undefined: there is none. Asks the families in the order of their making. */
export function findNamespace(server: AnyServer, name: string, auth: Record<string, unknown>, done: (namespace: AnyNamespace | undefined) => void): void {
  const known = server._nsps.get(name)
  if (known !== undefined) return done(known)
  const families = server.families.values()
  const ask = (): void => {
    const parent = families.next().value
    if (parent === undefined) return done(undefined)
    let isAnswered = false
    const answer = (error: unknown, exists: boolean): void => {
      if (isAnswered) return
      isAnswered = true
      if (error || !exists) return ask()
      // Another client may have asked for it while the function was thinking.
      done(server._nsps.get(name) ?? createChild(server, parent, name))
    }
    const fail = (error: unknown): void => {
      server.handleHandlerError(error, { socket: undefined, event: 'namespace matcher' })
      answer(error, false)
    }
    try {
      const result: unknown = parent.matcher(name, auth, answer)
      if (result instanceof Promise) result.catch(fail)
    } catch (error) {
      fail(error)
    }
  }
  ask()
}

/** Undefined when the application's adapter cannot be made; that is reported. */
function createChild(server: AnyServer, parent: ParentNamespace<any, any, any, any>, name: string): AnyNamespace | undefined {
  try {
    return parent.createChildForClient(name)
  } catch (error) {
    server.handleHandlerError(error, { socket: undefined, event: 'adapter' })
    return undefined
  }
}
