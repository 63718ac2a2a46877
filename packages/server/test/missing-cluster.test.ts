// The `cluster` option on a machine without @tidewire/cluster.
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'

const PROGRAM = `
  import { registerHooks } from 'node:module'
  registerHooks({
    resolve(name, context, next) {
      if (name !== '@tidewire/cluster') return next(name, context)
      throw Object.assign(new Error('Cannot find package'), { code: 'ERR_MODULE_NOT_FOUND' })
    },
  })
  const { Server } = await import('tidewire')
  const io = new Server({ cluster: 'redis://127.0.0.1:1' })
  io.cluster.on('error', (error) => console.log(error.code, error.message))
`

it('[CLU-52] is an error with the line that installs it', async () => {
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ['--conditions=tidewire-source', '--input-type=module', '--eval', PROGRAM],
    { cwd: import.meta.dirname },
  )
  expect(stdout).toBe(
    'TW_ERR_MISSING_PACKAGE the cluster option needs the package "@tidewire/cluster", which is not installed: npm install @tidewire/cluster\n',
  )
})
