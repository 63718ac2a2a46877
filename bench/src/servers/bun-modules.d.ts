// Installed beside the server program only (programs.ts), so its types are said here.
declare module '@socket.io/bun-engine' {
  export class Server {
    constructor(options: { path: string })
    handler(): object
  }
}
declare module 'eiows' {
  export const Server: any
}
