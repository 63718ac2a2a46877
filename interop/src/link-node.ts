// A cluster node in a process of its own, for tests that stop or kill it: counts what it receives, life by life of its link, and says on a
// line of standard output whatever is wrong at once, and everything else when a line comes in.
// node --conditions=tidewire-source link-node.ts <bus> <incarnation>
import { createInterface } from 'node:readline'
import { createBus } from '../../packages/cluster/src/create-bus.ts'
import { SERVICE } from '../../packages/cluster/src/cluster-node.ts'
import { createClusterNode } from '../../packages/cluster/src/node.ts'

const [url = '', incarnation = ''] = process.argv.slice(2)
const node = createClusterNode(createBus(url), {
  incarnation,
  secret: 'interop',
  onError: (error) => say({ error: error.code }),
})
const report = { received: 0, lives: 0, ends: [] as string[], wrong: [] as string[] }
let life = 0
let last = 0

function say(line: object): void {
  process.stdout.write(`${JSON.stringify(line)}\n`)
}

node.register(SERVICE.adapter, {
  handleMessage(_from, bytes) {
    const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
    const [senderLife, index] = [view.readUInt32BE(0), view.readUInt32BE(4)]
    if (last === 0 && senderLife <= life) report.wrong.push(`life ${senderLife} again`)
    if (last > 0 && senderLife !== life) report.wrong.push(`life ${senderLife} within ${life}`)
    if (index !== last + 1) report.wrong.push(`${index} after ${last}`)
    life = senderLife
    last = index
    report.received++
  },
  handleLinkUp() {
    report.lives++
    last = 0
  },
  handleLinkDown(_peer, end) {
    report.ends.push(end)
  },
  handleMemberState() {},
  handleDrain() {},
})
await node.start()
say({ ready: true })
createInterface({ input: process.stdin }).on('line', (line) => {
  // With the input at its end nothing may keep the process alive.
  if (line === 'close') void node.close()
  else say({ ...report, wrong: report.wrong.slice(0, 5) })
})
