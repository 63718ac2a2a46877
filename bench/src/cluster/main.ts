// `npm run bench -- --cluster [latency|relayed|broadcasts]… [--quick]`: what a cluster costs. Prints a table for each, and the load of the machine.
import { loadavg } from 'node:os'
import { broadcasts } from './broadcasts.ts'
import { latency } from './latency.ts'
import { relayed } from './relayed.ts'

const parts: Record<string, { says: string; run: (isQuick: boolean) => Promise<string[]> }> = {
  latency: {
    says: 'two nodes on Redis behind nginx round robin, one client at a time',
    run: (isQuick) => latency(isQuick ? 10 : 200),
  },
  relayed: {
    says: 'an acknowledged emit of 100 bytes on a WebSocket: CPU of both nodes',
    run: (isQuick) => relayed(isQuick ? 160 : 3_200),
  },
  broadcasts: {
    says: 'a broadcast of 100 bytes as nodes grow, adapter included: CPU of all nodes',
    run: (isQuick) => broadcasts({ count: isQuick ? 20 : 300, isQuick }),
  },
}

/** The command line without what chose the cluster. */
export async function runClusterBench(args: readonly string[]): Promise<void> {
  const isQuick = args.includes('--quick')
  const wanted = args.filter((arg) => !arg.startsWith('--'))
  const unknown = [
    ...wanted.filter((name) => !(name in parts)),
    ...args.filter((arg) => arg.startsWith('--') && arg !== '--quick'),
  ]
  if (unknown.length > 0) {
    console.error(
      `usage: npm run bench -- --cluster [${Object.keys(parts).join('|')}]… [--quick]; not known: ${unknown.join(', ')}`,
    )
    process.exitCode = 2
    return
  }
  for (const [name, { says, run }] of Object.entries(parts)) {
    if (wanted.length > 0 && !wanted.includes(name)) continue
    const before = loadavg()[0]!
    const lines = await run(isQuick)
    console.log(
      `\n**${name}**: ${says} (load ${before.toFixed(1)} before, ${loadavg()[0]!.toFixed(1)} after)\n\n${lines.join('\n')}`,
    )
  }
}
