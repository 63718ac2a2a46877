// `node scripts/provision.mjs [all | names]`: gets ready what the tests need besides npm, one line each with the seconds.
// What cannot be had is skipped loudly on a developer's machine and is a failure when CI=true.
import { isCI, provision, provisionNames } from '../testkit/src/provision.ts'

const asked = process.argv.slice(2)
const names = asked.length === 0 || asked.includes('all') ? provisionNames : asked
const unknown = names.filter((name) => !provisionNames.includes(name))
if (unknown.length > 0) {
  console.error(`unknown ${unknown.join(', ')}: choose from ${provisionNames.join(', ')}, all`)
  process.exit(2)
}

let failed = false
for (const name of names) {
  const startedAt = performance.now()
  const seconds = () => `${((performance.now() - startedAt) / 1000).toFixed(1)} s`
  try {
    await provision(name)
    console.log(`${name.padEnd(9)} ready    ${seconds()}`)
  } catch (error) {
    failed = true
    console.error(`${name.padEnd(9)} ${isCI() ? 'FAILED ' : 'SKIPPED'}  ${seconds()}: ${error.message}`)
  }
}
process.exit(failed && isCI() ? 1 : 0)
