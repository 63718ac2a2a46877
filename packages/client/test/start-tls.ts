// An HTTPS server with a certificate of the test authority, and a client certificate; valid for a hundred years, worth nothing.
import { readFileSync } from 'node:fs'

const read = (name: string): Buffer => readFileSync(new URL(`tls/${name}.pem`, import.meta.url))

export const tls = {
  ca: read('ca'),
  server: { key: read('server-key'), cert: read('server') },
  client: { key: read('client-key'), cert: read('client') },
}
