// All scenarios, in the order of the document.
import { acknowledgements } from './scenarios-acknowledgements.ts'
import { connecting } from './scenarios-connecting.ts'
import type { Scenario } from './scenario.ts'

export const scenarios: Scenario[] = [...connecting, ...acknowledgements]
