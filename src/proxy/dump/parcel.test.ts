import assert from 'node:assert/strict';
import { test } from 'node:test';
import { create, toBinary } from '@bufbuild/protobuf';
import { RouteConfigurationSchema } from '#proto/envoy/config/route/v3/route_pb.ts';
import { VirtualHostSchema } from '#proto/envoy/config/route/v3/route_components_pb.ts';
import { fakeAdminView } from '../admin/fake-admin-view.ts';
import { renderDump } from './config-dump.ts';
import { type DumpOrder, isRefusal, readDumpOrder } from './dump-order.ts';
import type { DumpedResource, DumpView } from './dump-view.ts';
import { type DumpParcel, packDump, ParcelReader } from './parcel.ts';

async function orderOf(query: URLSearchParams): Promise<DumpOrder> {
  const order = await readDumpOrder(query);
  if (isRefusal(order)) throw new Error(String(order.body));
  return order;
}

async function pack(view: DumpView, query: string): Promise<Uint8Array[]> {
  const asked = new URLSearchParams(query);
  return [...packDump(view, asked, await orderOf(asked))];
}

function* cut(bytes: Uint8Array, size: number): Generator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

/** What comes out of a pipe that gives `size` bytes at a time. */
function unpack(pieces: readonly Uint8Array[], size: number): DumpParcel {
  const reader = new ParcelReader();
  const chunks = [...cut(Buffer.concat(pieces), size)];
  for (const [at, chunk] of chunks.entries()) {
    const parcel = reader.push(chunk);
    if (parcel === undefined) continue;
    assert.equal(at, chunks.length - 1, 'whole before its end');
    return parcel;
  }
  throw new Error('the parcel has no end');
}

async function textOf(view: DumpView, query: URLSearchParams): Promise<string> {
  let text = '';
  for await (const piece of renderDump(view, await orderOf(query))) text += piece;
  return text;
}

/** With a table of which two virtual hosts came by themselves. */
function view(): DumpView {
  const fake = fakeAdminView();
  const route: DumpedResource = {
    name: '8080',
    version: '3',
    bytes: toBinary(RouteConfigurationSchema, create(RouteConfigurationSchema, { name: '8080' })),
    virtualHosts: ['one', 'two'].map((name) => toBinary(VirtualHostSchema, create(VirtualHostSchema, { name }))),
    updatedWallMs: 1_750_000_000_123,
    isStatic: false,
    state: 'active',
  };
  return {
    bootstrap: () => fake.bootstrap(),
    resources: (kind) => (kind === 'route' ? [route] : fake.resources(kind)),
  };
}

function many(count: number, each: (at: number) => Partial<DumpedResource> = () => ({})): DumpView {
  function* resources(): Generator<DumpedResource> {
    for (let at = 0; at < count; at++)
      yield {
        name: `cluster-${at}`,
        version: '1',
        bytes: new Uint8Array(100),
        updatedWallMs: 0,
        isStatic: false,
        state: 'active',
        ...each(at),
      };
  }
  return {
    bootstrap: () => ({ bytes: new Uint8Array(0), updatedWallMs: 0 }),
    resources: (kind) => (kind === 'cluster' ? resources() : []),
  };
}

test('the page of what was carried is the page of what is held, however the bytes were cut', async () => {
  for (const query of [
    '',
    'include_eds',
    'name_regex=c1',
    'name_regex=^l[12]$',
    'resource=bootstrap',
    'resource=static_clusters',
    'resource=dynamic_listeners&name_regex=l2',
    'resource=dynamic_active_secrets',
    'resource=dynamic_route_configs',
    'resource=dynamic_endpoint_configs',
  ]) {
    const here = await textOf(view(), new URLSearchParams(query));
    for (const size of [1, 7, 65_536]) {
      const parcel = unpack(await pack(view(), query), size);
      assert.equal(await textOf(parcel.view, parcel.query), here, `${query} in chunks of ${size}`);
    }
  }
});

test('virtual hosts that came by themselves are shown in their table', async () => {
  const parcel = unpack(await pack(view(), 'resource=dynamic_route_configs'), 1000);
  const text = await textOf(parcel.view, parcel.query);
  assert.match(text, /"virtual_hosts": \[\s+\{\s+"name": "one"\s+\},\s+\{\s+"name": "two"/);
});

test('keys are carried, but not shown', async () => {
  const parcel = unpack(await pack(view(), ''), 1000);
  const text = await textOf(parcel.view, parcel.query);
  assert.doesNotMatch(text, new RegExp(Buffer.from('TOPSECRET').toString('base64')));
  assert.match(text, new RegExp(Buffer.from('[redacted]').toString('base64')));
});

test('only what is shown is carried', async () => {
  const carried = async (query: string): Promise<string> => Buffer.concat(await pack(view(), query)).toString('latin1');
  assert.match(await carried(''), /TOPSECRET/);
  assert.doesNotMatch(await carried('resource=dynamic_active_clusters'), /TOPSECRET|"l1"|"static"|bootstrapWallMs/);
  assert.doesNotMatch(await carried('name_regex=c1'), /TOPSECRET|"l1"|bootstrapWallMs/);
});

test('resources are taken as the pipe takes them, with a rest after a few, also where none is shown', async () => {
  for (const [query, shown] of [
    ['', 1000],
    ['name_regex=nosuch', 0],
  ] as const) {
    let taken = 0;
    const asked = new URLSearchParams(query);
    const order = await orderOf(asked);
    const watched = many(1000, () => ({ updatedWallMs: taken++ }));
    let before = 0;
    const pieces: Uint8Array[] = [];
    for (const piece of packDump(watched, asked, order)) {
      assert.ok(taken - before <= 16, `${taken - before} resources without a rest`);
      assert.ok(piece.length <= 65_536);
      before = taken;
      pieces.push(piece);
    }
    assert.equal(taken, 1000);
    assert.equal([...unpack(pieces, 65_536).view.resources('cluster')].length, shown);
  }
});

test('large resources are not copied', async () => {
  const large = new Uint8Array(1 << 20).fill(7);
  const pieces = await pack(
    many(3, (at) => (at === 1 ? { bytes: large } : {})),
    '',
  );
  assert.ok(pieces.some((piece) => piece.buffer === large.buffer));
  const [, second] = unpack(pieces, 4_000).view.resources('cluster');
  assert.deepEqual(second?.bytes.length, large.length);
});

test('what another build packed is refused', () => {
  const head = Buffer.from('{"protocol":99,"query":""}');
  const prefix = Buffer.alloc(8);
  prefix.writeUInt32LE(head.length, 0);
  assert.throws(() => new ParcelReader().push(Buffer.concat([prefix, head])), /another build/);
});
