// Compares the rules of SPEC.md with the rule numbers in test titles. Exit 1 for a test that cites an unknown rule, a rule that no
// test cites or one that is there twice.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

const root = new URL('..', import.meta.url).pathname
const folders = ['packages', 'interop', 'examples', 'testkit', 'test', 'bench']

function* testFiles(folder: string): Generator<string> {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (['node_modules', 'dist', '.cache', 'artifacts', 'vectors', 'traces'].includes(entry.name)) continue
    const path = join(folder, entry.name)
    if (entry.isDirectory()) yield* testFiles(path)
    else if (/(\.test|-contract)\.(ts|mjs)$/.test(entry.name)) yield path
  }
}

const RULE = /(?:EIO|WS|HTTP|SIO|API|ABU|CLI|CLU|IM)-\d+/g
const listed = [...readFileSync(join(root, 'SPEC.md'), 'utf8').matchAll(/^- \*\*((?:EIO|WS|HTTP|SIO|API|ABU|CLI|CLU|IM)-\d+)\*\*/gm)].map((match) => match[1]!)
const rules = new Set(listed)
const twice = listed.filter((rule, index) => listed.indexOf(rule) !== index)
const citedIn = new Map<string, string>()
for (const folder of folders) {
  for (const path of testFiles(join(root, folder))) {
    for (const [bracket] of readFileSync(path, 'utf8').matchAll(/\[(?:(?:EIO|WS|HTTP|SIO|API|ABU|CLI|CLU|IM)-\d+[, ]*)+\]/g)) {
      for (const [rule] of bracket.matchAll(RULE)) citedIn.set(rule, path.slice(root.length))
    }
  }
}

const untested = [...rules].filter((rule) => !citedIn.has(rule))
const unknown = [...citedIn].filter(([rule]) => !rules.has(rule))
for (const [rule, path] of unknown) console.log(`unknown rule ${rule} in ${path}`)
for (const rule of twice) console.log(`rule ${rule} is there twice`)
for (const rule of untested) console.log(`no test cites ${rule}`)
console.log(`spec: ${rules.size} rules, ${rules.size - untested.length} cited by tests, ${unknown.length} unknown`)
process.exit(unknown.length > 0 || untested.length > 0 || twice.length > 0 ? 1 : 0)
