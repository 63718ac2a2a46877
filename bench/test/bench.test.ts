// The bench does its work: every scenario runs against both servers, checks its answers and counts. Says nothing about speed.
import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'
import { figures } from '../src/client/figures.ts'
import type { ClientRun } from '../src/client/report.ts'
import type { Run } from '../src/report.ts'
import { figure } from '../src/report.ts'
import { scenarios } from '../src/scenarios.ts'

const main = fileURLToPath(new URL('../src/main.ts', import.meta.url))

it('runs every scenario on both servers and reports what it counted', { timeout: 400_000 }, async () => {
  const dir = mkdtempSync(join(tmpdir(), 'tidewire-bench-'))
  try {
    const results = join(dir, 'results.json')
    const { stdout } = await promisify(execFile)(process.execPath, [
      '--conditions=tidewire-source',
      main,
      '--rounds=1',
      '--seconds=0.1',
      '--shrink=50',
      '--source',
      `--results=${results}`,
    ])
    const run = JSON.parse(readFileSync(results, 'utf8')) as Run
    expect(Object.keys(run.samples)).toEqual(Object.keys(scenarios))
    for (const [name, samples] of Object.entries(run.samples)) {
      expect(stdout).toContain(`| ${name} |`)
      for (const server of ['official', 'tidewire'] as const) {
        expect(samples[server], `${name} on ${server}`).toHaveLength(1)
        expect(samples[server]![0]!.operations).toBeGreaterThan(0)
      }
    }
  } finally {
    rmSync(dir, { recursive: true })
  }
})

it('takes the median of the rounds in which the generator had time to spare', () => {
  const sample = (value: number, generatorShare: number) => ({
    value,
    generatorShare,
    operations: 1,
    seconds: 1,
    serverShare: 1,
  })
  expect(figure([sample(9, 0.5), sample(1, 0.9), sample(5, 0.2), sample(7, 0.85)])).toMatchObject({
    median: 7,
    min: 5,
    max: 9,
    kept: 3,
    discarded: 1,
  })
})

it('measures every figure of both clients', { timeout: 600_000 }, async () => {
  const dir = mkdtempSync(join(tmpdir(), 'tidewire-bench-'))
  try {
    const results = join(dir, 'results.json')
    const args = [
      '--client',
      '--rounds=1',
      '--seconds=0.1',
      '--shrink=100',
      '--source',
      `--results=${results}`,
    ]
    const { stdout } = await promisify(execFile)(process.execPath, [
      '--conditions=tidewire-source',
      main,
      ...args,
    ])
    const run = JSON.parse(readFileSync(results, 'utf8')) as ClientRun
    expect(Object.keys(run.samples)).toEqual(Object.keys(figures))
    for (const [name, samples] of Object.entries(run.samples)) {
      // A cell of the table for each client, and how one compares with the other.
      expect(stdout).toMatch(
        new RegExp(
          `\\| ${name} \\|[^|]*\\|( -?[\\d.]+ (µs|KB|ms) \\([^|]*\\) \\|){2} \\*\\*-?[\\d.]+×\\*\\* \\|`,
        ),
      )
      for (const client of ['official', 'tidewire'] as const) {
        expect(samples[client], `${name} of ${client}`).toHaveLength(figures[name]!.processes ?? 1)
        for (const { value, operations } of samples[client]!) {
          // The heap of ten clients is less than what comes and goes beside it.
          if (name === 'idle') expect(value).not.toBeNaN()
          else expect(value).toBeGreaterThan(0)
          expect(operations).toBeGreaterThan(0)
        }
      }
    }
    expect(stdout).toContain('| bundle |')
  } finally {
    rmSync(dir, { recursive: true })
  }
})

it('measures connects, relayed messages and broadcasts of a cluster', { timeout: 600_000 }, async () => {
  const { stdout } = await promisify(execFile)(process.execPath, ['--conditions=tidewire-source', main, '--cluster', '--quick'])

  for (const row of ['socket.io-client 4.8.4', 'socket.io-client 2.5.0', 'in-host', 'NATS', 'Redis', 'Postgres']) expect(stdout).toContain(`| ${row} |`)
  // To all other nodes when all have members, to one when two have.
  const [, all, two, atLast] = /\| 5 \| \d+ µs\/s \| ([\d.]+) \| .* \| ([\d.]+) \| [^|]* \| ([\d.]+) \|/.exec(stdout)!.map(Number)
  // A node that stood still is asked, and sent again what it may have missed: some frames more.
  expect([all! - 4, two! - 1, atLast!].map((more) => more >= 0 && more < 0.5)).toEqual([true, true, true])
})
