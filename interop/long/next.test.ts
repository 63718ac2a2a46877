// A Next application with a custom server, once with the official packages and once with ours. Not in `npm test`: two installations of 400 MB.
import { expect, it } from 'vitest'
import { provisionOrSkip } from '@tidewire/testkit/provision'
import { install, packOurs, traceOf } from '../applications/variants.ts'

it('Next leaves the same trace with ours as with the official packages', { timeout: 600_000 }, async () => {
  const chromium = await provisionOrSkip('chromium')
  if (chromium.value === undefined) return
  const tarballs = await packOurs()
  const env = { CHROMIUM_PATH: chromium.value }
  const official = await traceOf(await install('next', 'official', tarballs), env)
  expect(official).not.toEqual([])
  expect(await traceOf(await install('next', 'ours', tarballs), env)).toEqual(official)
})
