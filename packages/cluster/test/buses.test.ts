// The drivers that need no daemon keep the contract; the others are in interop/test/buses.test.ts.
import { afterAll, beforeAll } from 'vitest'
import { createBus } from '../src/create-bus.ts'
import { startInHostHub } from '../src/drivers/in-host.ts'
import type { InHostHub } from '../src/drivers/in-host.ts'
import { InProcessHub } from '../src/drivers/in-process.ts'
import { busContract } from './bus-contract.ts'

const never = (): Promise<void> => Promise.reject(new Error('it has no daemon'))
const hub = new InProcessHub()
busContract('in-process', () => ({ createBus: () => hub.createBus(), restart: never, pause: never }), {
  cannotRestart: true,
  cannotPause: true,
  knowsNoSubscribers: true,
})

let inHost: InHostHub
beforeAll(async () => {
  inHost = await startInHostHub()
})
afterAll(() => inHost.close())

busContract(
  'in-host',
  () => ({
    createBus: () => createBus(`in-host:${inHost.path}`),
    async restart() {
      const { path } = inHost
      await inHost.close()
      inHost = await startInHostHub(path)
    },
    pause: never,
  }),
  { cannotPause: true },
)
