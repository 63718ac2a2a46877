// Every case, by family. A family is one file.
import type { AbuseCase, Family } from '../case.ts'
import { attachments } from './attachments.ts'
import { compression } from './compression.ts'
import { eio3 } from './eio3.ts'
import { encodings } from './encodings.ts'
import { floods } from './floods.ts'
import { frames } from './frames.ts'
import { handshakes } from './handshakes.ts'
import { http } from './http.ts'
import { names } from './names.ts'
import { namespaces } from './namespaces.ts'
import { nesting } from './nesting.ts'
import { sizes } from './sizes.ts'
import { slow } from './slow.ts'
import { theft } from './theft.ts'

export const families: readonly Family[] = [
  sizes,
  attachments,
  nesting,
  names,
  namespaces,
  encodings,
  eio3,
  http,
  handshakes,
  slow,
  floods,
  frames,
  theft,
  compression,
]

const casesByName: ReadonlyMap<string, AbuseCase> = new Map(
  families.flatMap(({ cases }) => cases.map((one) => [one.name, one])),
)

export function caseOf(name: string): AbuseCase {
  const found = casesByName.get(name)
  if (found === undefined) throw new Error(`no case "${name}"`)
  return found
}
