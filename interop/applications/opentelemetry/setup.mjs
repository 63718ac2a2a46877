// As the documentation says for ES modules: the loader first, then the instrumentation.
import { createRequire, register } from 'node:module'

register('@opentelemetry/instrumentation/hook.mjs', import.meta.url)
createRequire(import.meta.url)('./setup.cjs')
