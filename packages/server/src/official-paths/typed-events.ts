// compat: `socket.io/dist/typed-events`, from where TypeScript projects with the older module resolution import types.
export type * from '../events/types.ts'
export type { TypedEmitter as StrictEventEmitter } from '../events/types.ts'
