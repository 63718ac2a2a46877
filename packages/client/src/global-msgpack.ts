// Entry of the script-tag bundle that speaks MessagePack: servers must use socket.io-msgpack-parser or our msgpackParser.
import { msgpackParser } from '@tidewire/protocol'
import { setDefaultParser } from './codec.ts'
import io from './global.ts'

setDefaultParser(msgpackParser)

export default io
