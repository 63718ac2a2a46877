// Node entry.
import { nodePlatform } from './platform/node.ts'
import { setPlatform } from './platform/platform.ts'

setPlatform(nodePlatform)

export * from './exports.ts'
export { default } from './exports.ts'
