// Writes docs/limits.md from the limits tables of the code (`npm run limits`); with --print to stdout instead.
import { readFileSync, writeFileSync } from 'node:fs'
import { LIMITS, ROUTINE_LIMITS } from '../packages/server/src/limits.ts'
import type { Limit } from '../packages/server/src/limits.ts'
import { DEFAULT_CLUSTER_LIMITS } from '../packages/cluster/src/limits.ts'

const root = new URL('..', import.meta.url)

/** Where each group of the table begins. */
const GROUPS: Record<string, string> = {
  maxHttpBufferSize: 'What a client sends',
  maxOutboxBytes: 'What a client does not read',
  connectTimeout: 'Time',
  directHeadBytes: 'HTTP without node:http',
  recoveryBytes: 'Connection state recovery',
  clusterJoinTime: 'Before a cluster is joined',
}

function amount(value: number, unit: Limit['unit']): string {
  if (value === Number.MAX_SAFE_INTEGER) return '2^53 - 1'
  if (value === Infinity) return 'none'
  if (unit === 'count') return value.toLocaleString('en-US')
  if (unit === 'ms') return value >= 1_000 && value % 100 === 0 ? `${value / 1_000} s` : `${value} ms`
  if (unit === 'bytes' && value >= 1_024 && value % 1_024 === 0)
    return value % (1 << 20) === 0 ? `${value >> 20} MiB` : `${value >> 10} KiB`
  return `${value.toLocaleString('en-US')} ${unit}`
}

function rowsOfServer(): string[] {
  return (Object.entries(LIMITS) as [string, Limit][]).flatMap(([name, limit]) => {
    const group = GROUPS[name]
    const head =
      group === undefined
        ? []
        : [
            `\n## ${group}\n`,
            '| limit | default | option | metric | what happens | why |',
            '|---|---|---|---|---|---|',
          ]
    const metric = ROUTINE_LIMITS.has(name) ? '-' : `\`limits.${name}\``
    return [
      ...head,
      `| ${name} | ${amount(limit.default, limit.unit)} | ${limit.option === undefined ? '-' : `\`${limit.option}\``} | ${metric} | ${limit.consequence} | ${limit.reason} |`,
    ]
  })
}

/** That table says what each is in the comment before it. */
function rowsOfCluster(): string[] {
  const source = readFileSync(new URL('packages/cluster/src/limits.ts', root), 'utf8')
  return [...source.matchAll(/\/\*\* ([^\n]+) \*\/\n\s+readonly (\w+): number/g)].map(([, text, name]) => {
    const value = DEFAULT_CLUSTER_LIMITS[name as keyof typeof DEFAULT_CLUSTER_LIMITS]
    return `| ${name!} | ${amount(value, name!.endsWith('Ms') ? 'ms' : name!.endsWith('Bytes') ? 'bytes' : 'count')} | ${text!} |`
  })
}

const text = `# Limits

Everything that a client can make the server keep, wait for or work on is bounded. This table is made from \`packages/server/src/limits.ts\` by
\`npm run limits\`. *Metric* is where \`io.stats()\` counts how often a limit was hit; each hit is also published on the diagnostics channel
\`tidewire:limit\` (docs/observability.md). What paces or ends what is ordinary has none.
${rowsOfServer().join('\n')}

## Links between nodes

Bounds of \`@tidewire/cluster\`, from \`packages/cluster/src/limits.ts\`. A link that comes to a bound ends with a reason and begins anew; its node goes on.

| limit | default | what it is |
|---|---|---|
${rowsOfCluster().join('\n')}

## The client

Received and sent packets have the same bounds of attachments (${LIMITS.maxAttachments.default}) and nesting (${LIMITS.maxDepth.default} levels). What is above the server's
\`maxPayload\` is not sent: the callback, or "emit_error", gets \`TW_ERR_TOO_LARGE\`.
`

if (process.argv.includes('--print')) process.stdout.write(text)
else writeFileSync(new URL('docs/limits.md', root), text)
