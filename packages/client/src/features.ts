// What a build can do. True here; the builds that leave something out replace this file (build-plugins.ts), and what depends on a false
// constant is dropped from them.

/** Engine.IO revision 3: servers 1.x and 2.x. The build without it has no polling either. */
export const HAS_REVISION_3: boolean = true
/** The lines that DEBUG or localStorage.debug asks for. */
export const HAS_DEBUG: boolean = true
/** What few applications read of the official objects, and options of packets. */
export const HAS_COMPAT: boolean = true
/** The WebTransport class. */
export const HAS_WEBTRANSPORT: boolean = true
/** May run where there is no page, nor a worker of one: no `location`. */
export const HAS_NO_PAGE: boolean = true
/** Our own codec of packets; the build that speaks MessagePack has another. */
export const HAS_JSON_CODEC: boolean = true
/** Timers and sockets that may be told not to keep the process alive: Node and its kin. */
export const HAS_UNREF: boolean = true
