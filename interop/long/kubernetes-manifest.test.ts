// The Deployment of docs/guides/deploying.md, read strictly into the types of k8s.io/api, as an API server does. It is not run: there is no cluster
// here. The times of the guide fit together.
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { buildGo } from '@tidewire/testkit/provision'
import { beforeAll, expect, it } from 'vitest'

const guide = readFileSync(new URL('../../docs/guides/deploying.md', import.meta.url), 'utf8')
const manifest = /```yaml\n([\s\S]*?)```/.exec(guide)![1]!

let program: string
beforeAll(() => {
  program = buildGo(
    'kubernetes-manifest',
    new URL('../servers/kubernetes-manifest', import.meta.url).pathname,
  )
}, 600_000)

function read(text: string): { status: number | null; stderr: string; stdout: string } {
  return spawnSync(program, { input: text, encoding: 'utf8' })
}

it('the manifest of the guide is one for an API server, and its times fit together', () => {
  const { status, stderr, stdout } = read(manifest)
  expect([status, stderr]).toEqual([0, ''])
  const { spec } = JSON.parse(stdout)
  const [container] = spec.template.spec.containers
  const { notice, timeout } = /notice: (?<notice>[\d_]+), spread: [\d_]+, timeout: (?<timeout>[\d_]+)/.exec(
    guide.slice(guide.indexOf('## Kubernetes')),
  )!.groups!
  const seconds = (text: string): number => Number(text.replaceAll('_', '')) / 1_000

  expect(spec.template.spec.terminationGracePeriodSeconds).toBeGreaterThan(
    seconds(notice!) + seconds(timeout!),
  )
  expect(container.readinessProbe.httpGet).toEqual({
    path: '/socket.io/health',
    port: container.ports[0].containerPort,
  })
  expect(seconds(notice!)).toBeGreaterThan(
    container.readinessProbe.periodSeconds * container.readinessProbe.failureThreshold,
  )
  expect(container.livenessProbe).toBeUndefined()
})

it('a misspelt field, a wrong type and a selector that selects nothing are found', () => {
  expect(read(manifest.replace('terminationGracePeriodSeconds', 'terminationGraceSeconds')).stderr).toContain(
    'unknown field "spec.template.spec.terminationGraceSeconds"',
  )
  expect(read(manifest.replace('replicas: 3', 'replicas: three')).status).toBe(1)
  expect(
    read(manifest.replace('matchLabels: { app: tidewire }', 'matchLabels: { app: other }')).stderr,
  ).toContain('the selector does not match')
})
