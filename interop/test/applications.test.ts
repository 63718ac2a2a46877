// Applications that nobody here wrote, each once with the official packages and once with ours in their place: what its driver sees is
// the same. The applications are in interop/applications, a folder each; a difference would be named here with its reason.
import { beforeAll, describe, expect, it } from 'vitest'
import { provisionOrSkip } from '@tidewire/testkit/provision'
import { install, packOurs, traceOf } from '../applications/variants.ts'

/** `browser`: the application is driven in Chromium. */
const APPLICATIONS: { name: string; browser?: boolean }[] = [
  { name: 'feathers' },
  { name: 'nest' },
  { name: 'karma', browser: true },
  { name: 'y-socket.io' },
  { name: 'browser-sync', browser: true },
  { name: 'moleculer-io' },
  { name: 'artillery' },
  { name: 'express-status-monitor', browser: true },
]

describe('applications with the two packages replaced by ours', () => {
  let tarballs: string
  beforeAll(async () => {
    tarballs = await packOurs()
  })

  it.each(APPLICATIONS)(
    '$name leaves the same trace with ours as with the official packages',
    { timeout: 240_000 },
    async ({ name, browser }) => {
      const env: Record<string, string> = {}
      if (browser === true) {
        const chromium = await provisionOrSkip('chromium')
        if (chromium.value === undefined) return
        env['CHROMIUM_PATH'] = env['CHROME_BIN'] = chromium.value
      }
      const official = await traceOf(await install(name, 'official', tarballs), env)
      const ours = await traceOf(await install(name, 'ours', tarballs), env)
      expect(official).not.toEqual([])
      expect(ours).toEqual(official)
    },
  )
})
