// compat: `socket.io/dist/parent-namespace`.
export { ParentNamespace } from '../namespace/parent-namespace.ts'
