// The codec of bus messages in one name: `cluster` in the exports of the package.
export * from './format.ts'
export {
  endOfMessages,
  messageSize,
  MESSAGE_OVERHEAD_BYTES,
  readFrame,
  readMessages,
  writeFrame,
  writeMessage,
} from './frame.ts'
export type { Frame, MessageVisitor } from './frame.ts'
export { decodeHello, encodeHello, hasHelloMac, isHello } from './hello.ts'
export type { Hello, HelloInfo } from './hello.ts'
