// JSONP: polling for browsers without XHR. The answer is a script, the body a form; both are rewritten here and nowhere else.
import { parse } from 'node:querystring'

/** The script that calls back with the payload. Only the digits of `j` are echoed (security: no script of the peer's choice). */
export function wrapJsonp(index: string, payload: string): string {
  const literal = JSON.stringify(payload).replaceAll('\u2028', '\\u2028').replaceAll('\u2029', '\\u2029')
  return `___eio[${index.replace(/\D/g, '')}](${literal});`
}

/**
 * The payload of a form body `d=…`, or undefined. Old browsers rewrite newlines of form fields, so clients double the backslash of each
 * `\n` sequence: a doubled one is a sequence, a single one a newline.
 */
export function unwrapJsonp(body: string): string | undefined {
  const { d } = parse(body)
  if (typeof d !== 'string') return undefined
  return d.replace(/\\?\\n/g, (match) => (match.length === 3 ? '\\n' : '\n'))
}
