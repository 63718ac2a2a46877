// compat: `socket.io/dist/client`.
export { Connection as Client } from '../connection.ts'
