// What a pod's agent does about its capture, in the namespace in which it is started: `watch-capture.ts ADDRESS`.
import { createServer } from 'node:net';
import process from 'node:process';
import { CaptureWatch } from '../../../src/agent/index.ts';
import { SystemClock, SystemNet } from '../../../src/io/index.ts';

createServer((socket) => {
  process.stdout.write('a call came in\n');
  socket.on('error', () => {});
  socket.resume();
}).listen(15006, () =>
  new CaptureWatch({
    clock: new SystemClock(),
    net: new SystemNet(),
    address: process.argv[2] ?? '',
    changed: (captured) => process.stdout.write(captured ? 'back\n' : 'lost\n'),
  }).start(),
);
