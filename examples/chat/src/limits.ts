// What one message may hold: the server refuses more, the page says so before it sends.
export const MAX_TEXT_LENGTH = 10_000
export const MAX_IMAGE_BYTES: number = 5 * 1024 * 1024
export const MAX_MEMBERS = 200
export const IMAGE_TYPES: readonly string[] = ['image/png', 'image/jpeg', 'image/gif', 'image/webp']
