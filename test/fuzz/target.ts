// What the fuzzer drives: something that makes an input from a seed, and something that says whether ours and theirs agree about it.
import type { Random } from '@tidewire/testkit/random'
import { inspect, isDeepStrictEqual } from 'node:util'
import type { KnownDifference } from './known-differences.ts'

/** Inputs are plain JSON, so that they can be kept, read and made smaller. */
export interface Target<Input = any> {
  readonly name: string
  /** Inputs under way at once: more than one where the network is waited for. */
  readonly concurrency?: number
  /** Of the time, in parts. Default 1. */
  readonly share?: number
  generate(random: Random): Input
  /** What is different, in words; undefined when nothing is. Differences that are meant go to `known`. */
  check(input: Input, known: (name: KnownDifference) => void): string | undefined | Promise<string | undefined>
  start?(): Promise<void>
  stop?(): Promise<void>
}

/** What a decoder made of an input: what it gave out, until it refused. */
export interface Outcome {
  readonly out: unknown[]
  readonly isRefused: boolean
}

export const isSameOutcome = (a: Outcome, b: Outcome): boolean => isDeepStrictEqual(a, b)

export function difference(ours: unknown, theirs: unknown): string {
  const show = (value: unknown): string => inspect(value, { depth: 8, breakLength: 160, maxStringLength: 300 })
  return `ours:   ${show(ours)}\ntheirs: ${show(theirs)}`
}
