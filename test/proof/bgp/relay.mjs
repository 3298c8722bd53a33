// Runs inside a neighbor's namespace and joins sockets: a process cannot speak TCP from two namespaces at once.
import { connect, createServer } from 'node:net'

const [, , controlPath] = process.argv

createServer((near) => {
  near.once('data', (line) => {
    const { from, to, port, listen, forward } = JSON.parse(line.toString())
    if (listen === undefined) dial(near, { host: to, port, localAddress: from })
    else
      createServer((inside) => join(inside, connect({ path: forward }))).listen(port, listen, () =>
        near.write('+\n'),
      )
  })
  near.on('error', () => near.destroy())
}).listen(controlPath, () => process.stdout.write('ready\n'))
// The parent process has ended.
process.stdin.on('end', () => process.exit(0)).resume()

function dial(near, address) {
  const far = connect(address)
  far.setNoDelay(true)
  far.once('connect', () => {
    near.write('+\n')
    join(near, far)
  })
  far.once('error', (error) => near.end(`-${error.code}\n`))
}

function join(one, other) {
  one.pipe(other).pipe(one)
  for (const [socket, opposite] of [
    [one, other],
    [other, one],
  ]) {
    // Not at once: the daemon's last message is still in transit when its end of the session is closed.
    socket.on('error', () => opposite.end())
    socket.on('close', () => opposite.end())
  }
}
