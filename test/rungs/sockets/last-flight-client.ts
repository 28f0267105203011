// A thread: a TLS client whose last flight, first bytes, last word, end and reset come while the server looks away.
import { connect } from 'node:net';
import { Duplex } from 'node:stream';
import { connect as connectTls } from 'node:tls';
import { parentPort, workerData } from 'node:worker_threads';

/** [0]: the server looks away; [1]: all is sent. */
const { port, signs } = workerData as { readonly port: number; readonly signs: Int32Array };
const beneath = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
const held: Buffer[] = [];
let secure = false;
const between = new Duplex({
  read() {},
  write(data: Buffer, _encoding, done) {
    if (secure) held.push(data);
    else beneath.write(data);
    done();
  },
});
beneath.on('data', (data) => {
  // What answers the server's flight is held.
  secure = true;
  between.push(data);
});
const client = connectTls({ socket: between, rejectUnauthorized: false }, () => {
  client.end('here', () => setImmediate(leave));
});

function leave(): void {
  parentPort?.postMessage('ready');
  Atomics.wait(signs, 0, 0);
  beneath.end(Buffer.concat(held), () => {
    setTimeout(() => {
      beneath.resetAndDestroy();
      beneath.once('close', () => {
        Atomics.store(signs, 1, 1);
        Atomics.notify(signs, 1);
      });
    }, 10);
  });
}
