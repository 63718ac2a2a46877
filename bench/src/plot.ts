// The ratios of a run as an SVG: a group of bars for each scenario, longer is better, the official server at 1. Colours that read on light and on
// dark ground alike.
import { writeFileSync } from 'node:fs'
import { figure, ratioTo } from './report.ts'
import type { Run } from './report.ts'
import { scenarios } from './scenarios.ts'

const COLOURS = ['#8a8f98', '#0f8f7f', '#c58a1b', '#8d6bc9', '#c2543d', '#4f7fc4', '#6aa84f', '#b0508e']
const BAR = 11
const GAP = 16
const LEFT = 90
const WIDTH = 760

export function plot(file: string, run: Run): void {
  const servers = Object.keys(run.servers)
  const groups = Object.entries(run.samples).map(([scenario, samples]) => {
    const { metric } = scenarios[scenario]!
    const official = figure(samples.official ?? [])
    const bars = servers.flatMap((server, index) => {
      const own = samples[server]
      const ratio = own === undefined ? Number.NaN : ratioTo(official, figure(own), metric)
      // As "how many times better" for all of them.
      return Number.isNaN(ratio) ? [] : [{ index, ratio: metric === 'cpu' ? ratio : 1 / ratio }]
    })
    return { scenario, bars }
  })
  const longest = Math.max(1, ...groups.flatMap(({ bars }) => bars.map(({ ratio }) => ratio)))
  // Bursts are tens of times cheaper: a logarithmic scale keeps the others readable.
  const lengthOf = (ratio: number): number => (Math.log2(Math.max(ratio, 0.125) / 0.125) / Math.log2(longest / 0.125)) * (WIDTH - LEFT - 60)
  const parts: string[] = []
  let y = 24 + 16 * Math.ceil(servers.length / 3)
  const one = LEFT + lengthOf(1)
  const top = y
  for (const { scenario, bars } of groups) {
    parts.push(`<text x="${LEFT - 8}" y="${y + (bars.length * BAR) / 2 + 4}" text-anchor="end" class="t">${scenario}</text>`)
    for (const { index, ratio } of bars) {
      const length = lengthOf(ratio)
      parts.push(
        `<rect x="${LEFT}" y="${y}" width="${length.toFixed(1)}" height="${BAR - 2}" fill="${COLOURS[index % COLOURS.length]}"/>`,
        `<text x="${(LEFT + length + 4).toFixed(1)}" y="${y + BAR - 3}" class="v">${ratio < 10 ? ratio.toFixed(2) : ratio.toFixed(0)}</text>`,
      )
      y += BAR
    }
    y += GAP
  }
  const legend = servers.map((server, index) => {
    const [x, row] = [LEFT + (index % 3) * 210, 14 + 16 * Math.floor(index / 3)]
    return `<rect x="${x}" y="${row - 8}" width="9" height="9" fill="${COLOURS[index % COLOURS.length]}"/><text x="${x + 14}" y="${row}" class="t">${server}</text>`
  })
  writeFileSync(
    file,
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${y}" role="img" aria-label="Times better than the official server, by scenario, logarithmic">
<style>.t{font:12px sans-serif;fill:#7a8089}.v{font:9px sans-serif;fill:#7a8089}</style>
${legend.join('\n')}
<line x1="${one.toFixed(1)}" y1="${top - 6}" x2="${one.toFixed(1)}" y2="${y - GAP}" stroke="#7a8089" stroke-dasharray="3 3"/>
${parts.join('\n')}
</svg>
`,
  )
}
