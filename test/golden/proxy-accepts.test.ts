// Our proxy takes every resource that golden cases produce for it, without a rejection and without a warning.

import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { FakeClock, type Logger, type Net, SeededRandom, TYPE_URL } from '#base';
import { Drawer } from '#leases';
import { accessLogSinks, ExtensionRegistry, HTTP_FILTERS, LogFiles, NETWORK_FILTERS, Proxy } from '#proxy';
import { readCase } from './golden-case.ts';

const CASES = join(import.meta.dirname, 'cases');
const ORDER = [TYPE_URL.cluster, TYPE_URL.endpoint, TYPE_URL.route, TYPE_URL.listener] as const;

function collecting(warnings: string[]): Logger {
  const note = (message: string, fields?: Readonly<Record<string, unknown>>): void =>
    void warnings.push(`${message} ${JSON.stringify(fields ?? {})}`);
  const log: Logger = { debug: () => {}, info: () => {}, warn: note, error: note, scope: () => log };
  return log;
}

const nowhere = {
  write: (_: string, done: (error: Error | undefined) => void) => done(undefined),
  reopen: (done: (error: Error | undefined) => void) => done(undefined),
  close: () => {},
};

const net: Net = {
  listen: async ({ host, port }) => ({ address: host, port, close: () => {} }),
  connect: () => {
    throw new Error('nothing is dialled here');
  },
  resolve: async () => ({ addresses: ['192.0.2.1'], ttlMs: 60_000 }),
};

describe('our proxy accepts what is generated', () => {
  for (const file of readdirSync(CASES)
    .filter((name) => name.endsWith('.yaml'))
    .sort()) {
    const golden = readCase(join(CASES, file));
    for (const [name, node] of golden.proxies) {
      if (node.metadata.TOPSAIL_DATA_PLANE !== 'topsail') continue;
      it(`${golden.name}, ${name}`, async () => {
        const extensions = new ExtensionRegistry();
        for (const filter of HTTP_FILTERS) extensions.registerHttpFilter(filter);
        for (const filter of NETWORK_FILTERS) extensions.registerNetworkFilter(filter);
        const clock = new FakeClock();
        for (const sink of accessLogSinks(new LogFiles({ open: () => nowhere, clock })))
          extensions.registerStreamSink(sink);
        const warnings: string[] = [];
        const proxy = await Proxy.create({
          clock,
          random: new SeededRandom(1),
          net,
          log: collecting(warnings),
          secrets: { subscribe: () => () => {} },
          extensions,
          leases: new Drawer(clock),
        });
        const set = golden.resources(name);
        for (const type of ORDER)
          assert.deepEqual(proxy.applyResources(type, [...(set.get(type)?.values() ?? [])], []), [], type);
        await proxy.config.settled();
        assert.deepEqual(warnings, []);
        proxy.close();
      });
    }
  }
});
