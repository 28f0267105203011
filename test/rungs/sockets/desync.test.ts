// Requests that two readers might cut at different places, through the proxy to five servers: what arrives is the same
// for all, a strict parser reads it as what it should be, and nothing is smuggled.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import process from 'node:process';
import { CORPUS } from '../../desync/corpus.ts';
import { play, Tap } from '../../desync/play.ts';
import { type EchoServer, SERVERS, type ServerKind } from '../../desync/servers.ts';
import { cluster, httpListener } from '../../proxy-life/config.ts';
import { freePort } from '../../mesh/test-ports.ts';
import { ProxyProcess } from '../../proxy-life/proxy-process.ts';

const here: ServerKind[] = [];
for (const kind of SERVERS) {
  const missing = kind.missing();
  if (missing === undefined) here.push(kind);
  else if (process.env['CI'] === 'true') throw new Error(`the corpus needs ${kind.name}: ${missing}`);
  else console.log(`not in front of ${kind.name}: ${missing}`);
}

const servers: EchoServer[] = [];
const taps: Tap[] = [];
const ports: number[] = [];
let proxy: ProxyProcess;

before(async () => {
  for (const kind of here) {
    const server = await kind.start();
    servers.push(server);
    const tap = new Tap(server.port);
    taps.push(tap);
    ports.push(await freePort());
  }
  const behind = await Promise.all(taps.map((tap) => tap.listen()));
  const extra = { generate_request_id: false };
  proxy = await ProxyProcess.start({
    listeners: ports.map((port, i) =>
      httpListener(`l${i}`, port, [{ match: { prefix: '/' }, route: { cluster: `c${i}` } }], extra),
    ),
    clusters: behind.map((port, i) => cluster(`c${i}`, [port])),
  });
});

after(async () => {
  await proxy?.end('SIGKILL');
  for (const tap of taps) tap.close();
  for (const server of servers) server.close();
});

for (const entry of CORPUS) {
  test(entry.what, async () => {
    const seen = await Promise.all(ports.map((port, i) => play(entry, port, taps[i] as Tap)));
    const complaints = seen.flatMap(({ complaints: all }, i) => all.map((one) => `${here[i]?.name}: ${one}`));
    assert.deepEqual(complaints, []);
    for (const { arrived } of seen) assert.equal(arrived, seen[0]?.arrived, 'the same bytes arrive at every server');
  });
}
