// Entry for browsers, React Native and other runtimes with web APIs.
import { browserPlatform } from './platform/browser.ts'
import { setPlatform } from './platform/platform.ts'

setPlatform(browserPlatform)

export * from './exports.ts'
export { default } from './exports.ts'
