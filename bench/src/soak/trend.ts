// Does a series grow? A straight line is fitted by least squares; the band of its slope is Student's t at 99 %, with as many independent
// points as the residuals' correlation from one sample to the next leaves. Pure.
export interface Trend {
  /** Per hour. */
  slope: number
  /** The slope lies between these two with 99 % confidence. */
  low: number
  high: number
  mean: number
  samples: number
}

export type Verdict = 'within noise' | 'below tolerance' | 'falls' | 'GROWS' | 'too few samples'

/** 99.5 % quantile of Student's t, by Hill's expansion around the normal's; exact to three digits from 3 degrees of freedom on. */
function quantile(freedom: number): number {
  const z = 2.575829
  const [z3, z5, z7] = [z ** 3, z ** 5, z ** 7]
  return (
    z +
    (z3 + z) / (4 * freedom) +
    (5 * z5 + 16 * z3 + 3 * z) / (96 * freedom ** 2) +
    (3 * z7 + 19 * z5 + 17 * z3 - 15 * z) / (384 * freedom ** 3)
  )
}

export function trendOf(points: readonly { atSeconds: number; value: number }[]): Trend {
  const samples = points.length
  const hours = points.map(({ atSeconds }) => atSeconds / 3600)
  const values = points.map(({ value }) => value)
  const average = (list: readonly number[]): number => list.reduce((sum, item) => sum + item, 0) / list.length
  const [middle, mean] = [average(hours), average(values)]
  const spread = hours.reduce((sum, hour) => sum + (hour - middle) ** 2, 0)
  const slope = hours.reduce((sum, hour, i) => sum + (hour - middle) * (values[i]! - mean), 0) / spread
  const residuals = values.map((value, i) => value - mean - slope * (hours[i]! - middle))
  const squares = residuals.reduce((sum, residual) => sum + residual ** 2, 0)
  const products = residuals.slice(1).reduce((sum, residual, i) => sum + residual * residuals[i]!, 0)
  const correlation = squares === 0 ? 0 : Math.min(0.95, Math.max(0, products / squares))
  const independent = Math.max(5, samples * ((1 - correlation) / (1 + correlation)))
  const error = Math.sqrt(squares / (independent - 2) / spread)
  const band = quantile(independent - 2) * error
  return { slope, low: slope - band, high: slope + band, mean, samples }
}

/** Growth is what the noise cannot explain and what is more than `tolerance` an hour. */
export function verdictOf(trend: Trend, tolerance: number): Verdict {
  if (trend.samples < 8 || Number.isNaN(trend.slope)) return 'too few samples'
  if (trend.high < 0) return 'falls'
  if (trend.low <= 0) return 'within noise'
  return trend.low <= tolerance ? 'below tolerance' : 'GROWS'
}
