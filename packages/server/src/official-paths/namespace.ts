// compat: `socket.io/dist/namespace`.
export { Namespace } from '../namespace/namespace.ts'
export type {
  ExtendedError,
  NamespaceReservedEvents as NamespaceReservedEventsMap,
  ServerReservedEvents as ServerReservedEventsMap,
} from '../namespace/namespace.ts'
