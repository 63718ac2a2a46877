// Entry of the script-tag bundle that speaks MessagePack: servers must use socket.io-msgpack-parser or our msgpackParser.
import { msgpackParser } from '@tidewire/protocol'
import { setDefaultParser } from './codec.ts'
// oxlint-disable-next-line import/no-unassigned-import -- it sets the global
import './global.ts'

setDefaultParser(msgpackParser)
