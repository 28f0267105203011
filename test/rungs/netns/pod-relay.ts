// The way from a pod's namespace to a control plane that listens on the loopback of the machine: `pod-relay.ts PORT SOCKET`.
import { connect, createServer } from 'node:net';
import process from 'node:process';

const [port = '', socket = ''] = process.argv.slice(2);
const server = createServer((inside) => {
  const outside = connect({ path: socket });
  for (const one of [inside, outside]) one.on('error', () => {});
  inside.on('close', () => outside.destroy());
  outside.on('close', () => inside.destroy());
  inside.pipe(outside).pipe(inside);
});
server.listen(Number(port), '::', () => process.stdout.write('ready\n'));
