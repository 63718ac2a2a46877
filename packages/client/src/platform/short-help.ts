// What to do about a connection that cannot be made, for browsers. Short: each byte is sent to each visitor.
import type { Platform } from './platform.ts'

export const shortHelp: Platform['help'] = {
  TW_ERR_UNREACHABLE: 'check URL, server, proxies and CORS',
  TW_ERR_REFUSED: 'check path, allowed origins and allowRequest',
  TW_ERR_INCOMPATIBLE: 'check that it is a Socket.IO server, and allowEIO3',
  TW_ERR_TIMEOUT: 'raise timeout, check proxies',
}
