// A certificate for 127.0.0.1 that nobody but the tests trusts, and what makes the clients of each language trust it.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'

export interface TestCertificate {
  readonly certificate: string
  readonly key: string
  /** Both in one file, as HAProxy wants them. */
  readonly bundle: string
  /** For the environment of a client: Node, Python (requests and websocket-client) and Java. */
  trustedBy(java?: string): NodeJS.ProcessEnv
  remove(): void
}

const PASSWORD = 'changeit'

function run(command: string, args: readonly string[]): void {
  const { status, stderr, error } = spawnSync(command, args, { encoding: 'utf8' })
  if (status !== 0) throw new Error(`${command} made no certificate: ${error?.message ?? stderr}`)
}

export function makeCertificate(): TestCertificate {
  const folder = mkdtempSync(join(tmpdir(), 'tidewire-certificate-'))
  const [certificate, key, bundle, store] = ['cert.pem', 'key.pem', 'both.pem', 'trust.jks'].map((name) =>
    join(folder, name),
  ) as [string, string, string, string]
  const subject = ['-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1']
  run('openssl', [
    'req',
    '-x509',
    '-newkey',
    'rsa:2048',
    '-nodes',
    '-days',
    '30',
    ...subject,
    '-keyout',
    key,
    '-out',
    certificate,
  ])
  writeFileSync(bundle, readFileSync(certificate, 'utf8') + readFileSync(key, 'utf8'))
  return {
    certificate,
    key,
    bundle,
    trustedBy(java = '/usr/bin/java') {
      const env: NodeJS.ProcessEnv = {
        NODE_EXTRA_CA_CERTS: certificate,
        REQUESTS_CA_BUNDLE: certificate,
        WEBSOCKET_CLIENT_CA_BUNDLE: certificate,
      }
      if (!existsSync(java)) return env
      const keytool = join(dirname(realpathSync(java)), 'keytool')
      if (!existsSync(store))
        run(keytool, [
          '-importcert',
          '-noprompt',
          '-alias',
          'test',
          '-file',
          certificate,
          '-keystore',
          store,
          '-storepass',
          PASSWORD,
        ])
      env['JAVA_TOOL_OPTIONS'] =
        `-Djavax.net.ssl.trustStore=${store} -Djavax.net.ssl.trustStorePassword=${PASSWORD}`
      return env
    },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  }
}
