// compat: `socket.io/dist/broadcast-operator`.
export { BroadcastOperator, RemoteSocket } from '../broadcast/operator.ts'
