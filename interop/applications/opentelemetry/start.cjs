const load = require('socket.io')
const { io: connect } = require('socket.io-client')

void import('./program.mjs').then(({ run }) =>
  run(process.argv[2] === 'callable' ? (http) => load(http) : (http) => new load.Server(http), connect),
)
