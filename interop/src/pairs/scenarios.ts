// All scenarios, in the order of the document.
import { acknowledgements } from './scenarios-acknowledgements.ts'
import { connecting } from './scenarios-connecting.ts'
import { engine } from './scenarios-engine.ts'
import { events } from './scenarios-events.ts'
import { http } from './scenarios-http.ts'
import { lifecycle } from './scenarios-lifecycle.ts'
import { namespaces } from './scenarios-namespaces.ts'
import { rooms } from './scenarios-rooms.ts'
import type { Scenario } from './scenario.ts'

export const scenarios: Scenario[] = [
  ...connecting,
  ...events,
  ...acknowledgements,
  ...rooms,
  ...namespaces,
  ...lifecycle,
  ...engine,
  ...http,
]
