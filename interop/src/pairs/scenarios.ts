// All scenarios, in the order of the document.
import { acknowledgements } from './scenarios-acknowledgements.ts'
import { buffering } from './scenarios-buffering.ts'
import { classes } from './scenarios-classes.ts'
import { connecting } from './scenarios-connecting.ts'
import { details } from './scenarios-details.ts'
import { engine } from './scenarios-engine.ts'
import { events } from './scenarios-events.ts'
import { files } from './scenarios-files.ts'
import { http } from './scenarios-http.ts'
import { lifecycle } from './scenarios-lifecycle.ts'
import { namespaces } from './scenarios-namespaces.ts'
import { rooms } from './scenarios-rooms.ts'
import { undocumented } from './scenarios-undocumented.ts'
import type { Scenario } from './scenario.ts'

export const scenarios: Scenario[] = [
  ...connecting,
  ...events,
  ...buffering,
  ...acknowledgements,
  ...rooms,
  ...namespaces,
  ...classes,
  ...lifecycle,
  ...engine,
  ...http,
  ...files,
  ...details,
  ...undocumented,
]
