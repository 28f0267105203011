import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Conn, type ConnHandler, FakeClock } from '#base';
import { askApp } from './ask-app.ts';

function application() {
  let handler: ConnHandler | undefined;
  let asked = '';
  const conn = {
    write: (data: Buffer) => {
      asked += data.toString();
      return true;
    },
    destroy: () => {},
  } as unknown as Conn;
  return {
    net: {
      connect: (_: unknown, given: ConnHandler) => {
        handler = given;
        return conn;
      },
    },
    asked: () => asked,
    says: (text: string) => handler?.onData(Buffer.from(text)),
    ends: () => handler?.onEnd(),
    closes: () => handler?.onClose(undefined),
  };
}

test('what the application says of itself is the body behind the head', async () => {
  const app = application();
  const text = askApp(app.net, new FakeClock(), 9080, '/metrics');
  app.says('HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\n\r\nmy_a');
  app.says('pp 5\n');
  app.ends();
  assert.equal(await text, 'my_app 5\n');
  assert.match(app.asked(), /^GET \/metrics HTTP\/1\.0\r\n/);
});

test('an error, a refusal and silence are no metrics', async () => {
  const app = application();
  const failed = askApp(app.net, new FakeClock(), 9080, '/');
  app.says('HTTP/1.1 500 No\r\n\r\nwhy');
  app.ends();
  assert.equal(await failed, undefined);
  const refused = askApp(app.net, new FakeClock(), 9080, '/');
  app.closes();
  assert.equal(await refused, undefined);
  const clock = new FakeClock();
  const silent = askApp(app.net, clock, 9080, '/');
  clock.advance(3_001);
  assert.equal(await silent, undefined);
});
