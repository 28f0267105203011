import assert from 'node:assert/strict';
import { test } from 'node:test';
import { create, toBinary } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { type Logger, SeededRandom } from '#base';
import { NameTableSchema } from '#proto/istio/networking/nds/v1/nds_pb.ts';
import { DNS_CODE, DNS_TYPE, type DnsMessage, parseDns, writeDns } from '#wire/dns';
import { DnsProxy, type DnsTransport } from './dns-proxy.ts';
import { MeshNames } from './name-table.ts';
import { readResolvConf } from './resolv-conf.ts';

const quiet: Logger = { debug() {}, info() {}, warn() {}, error() {}, scope: () => quiet } as unknown as Logger;
const SERVICES = {
  'reviews.default.svc.cluster.local': {
    ips: ['240.240.0.1'],
    registry: 'Kubernetes',
    shortname: 'reviews',
    namespace: 'default',
  },
  'db.data.svc.cluster.local': { ips: ['240.240.0.2'], registry: 'Kubernetes', shortname: 'db', namespace: 'data' },
  'many.default.svc.cluster.local': {
    ips: Array.from({ length: 60 }, (_, i) => `10.0.0.${i}`),
    registry: 'Kubernetes',
    shortname: 'many',
    namespace: 'default',
  },
  'headless.default.svc.cluster.local': {
    ips: ['127.0.0.1'],
    registry: 'Kubernetes',
    shortname: 'headless',
    namespace: 'default',
  },
  'api.example.com': { ips: ['240.240.0.3', '2001:2::3'], registry: 'External' },
  '*.wild.example': { ips: ['240.240.0.4'], registry: 'External' },
};

function query(name: string, type: number = DNS_TYPE.A, more: Partial<DnsMessage> = {}): Uint8Array {
  return writeDns({
    id: 99,
    response: false,
    opcode: 0,
    authoritative: false,
    truncated: false,
    recursionDesired: true,
    recursionAvailable: false,
    code: 0,
    question: { name, type, class: 1 },
    answers: [],
    authorities: [],
    additionals: [],
    ...more,
  });
}

interface Asked {
  readonly server: string;
  readonly name: string;
  readonly id: number;
}

function proxy(
  answers: (asked: Asked) => Uint8Array | undefined = () => undefined,
  conf = 'nameserver 192.0.2.1\nnameserver 192.0.2.2\nsearch corp.example\n',
) {
  const asked: Asked[] = [];
  const transport: DnsTransport = {
    ask: async (server, bytes, _via, _ms, fits) => {
      const message = parseDns(bytes);
      const one = { server, name: message.question.name, id: message.id };
      asked.push(one);
      const answer = answers(one);
      return answer !== undefined && fits(answer) ? answer : undefined;
    },
  };
  const names = new MeshNames('default', 'cluster.local');
  names.update(toBinary(NameTableSchema, create(NameTableSchema, { table: SERVICES })));
  const dns = new DnsProxy({
    names,
    hostResolvers: () => readResolvConf(conf),
    transport,
    random: new SeededRandom(1),
    log: quiet,
  });
  const ask = async (bytes: Uint8Array, via: 'udp' | 'tcp' = 'udp'): Promise<DnsMessage> =>
    parseDns((await dns.answer(bytes, via)) as Uint8Array);
  return { asked, dns, ask };
}

const addresses = (m: DnsMessage): readonly string[] =>
  m.answers.filter((r) => r.type === DNS_TYPE.A).map((r) => r.data.join('.'));

for (const name of [
  'reviews',
  'REVIEWS',
  'reviews.default',
  'reviews.default.svc',
  'reviews.default.svc.cluster.local',
  'reviews.default.svc.default.svc.cluster.local',
]) {
  test(`${name} means the service next door`, async () => {
    const { ask, asked } = proxy();
    const answer = await ask(query(name));
    assert.deepEqual(addresses(answer), ['240.240.0.1']);
    assert.equal(answer.id, 99);
    assert.equal(asked.length, 0);
  });
}

test('a short name means nothing in another namespace', async () => {
  const { ask, asked } = proxy();
  assert.equal((await ask(query('db'))).code, DNS_CODE.serverFailure);
  assert.deepEqual(
    asked.map((one) => one.server),
    ['192.0.2.1', '192.0.2.2'],
  );
  assert.deepEqual(addresses(await ask(query('db.data'))), ['240.240.0.2']);
});

test('a service has no IPv6 address and no other records: the answer is empty, not "no such name"', async () => {
  const { ask, asked } = proxy();
  for (const type of [DNS_TYPE.AAAA, DNS_TYPE.HTTPS, 15]) {
    const answer = await ask(query('reviews', type));
    assert.equal(answer.code, DNS_CODE.noError);
    assert.equal(answer.answers.length, 0);
  }
  assert.equal(asked.length, 0);
});

test('hints that lead around the mesh are not given for outside hosts of the mesh, other records are asked for', async () => {
  const { ask, asked } = proxy();
  assert.equal((await ask(query('api.example.com', DNS_TYPE.HTTPS))).answers.length, 0);
  assert.equal(asked.length, 0);
  await ask(query('api.example.com', 15));
  assert.equal(asked.length, 2);
  assert.equal((await ask(query('api.example.com', DNS_TYPE.AAAA))).answers[0]?.data.length, 16);
});

test("endpoints on the host's loopback are not the application's: one stable address stands for them", async () => {
  const { ask } = proxy();
  const [first] = addresses(await ask(query('headless')));
  assert.match(first ?? '', /^240\.241\./);
  assert.deepEqual(addresses(await ask(query('headless'))), [first]);
});

test('wildcard hosts answer for what is below them', async () => {
  const { ask } = proxy();
  assert.deepEqual(addresses(await ask(query('a.b.wild.example'))), ['240.240.0.4']);
});

test("the host's search domains do not hide the mesh", async () => {
  const { ask } = proxy();
  const answer = await ask(query('reviews.corp.example'));
  assert.equal(answer.answers[0]?.type, DNS_TYPE.CNAME);
  assert.deepEqual(addresses(answer), ['240.240.0.1']);
});

test("other names are asked of the host's resolvers in order, under another id", async () => {
  const { ask, asked } = proxy(({ server, name, id }) =>
    server === '192.0.2.2' ? query(name, DNS_TYPE.A, { id, response: true, code: DNS_CODE.nameError }) : undefined,
  );
  const answer = await ask(query('nowhere.test'));
  assert.equal(answer.code, DNS_CODE.nameError);
  assert.equal(answer.id, 99);
  assert.ok(asked.every((one) => one.id !== 99));
});

test('an answer to another question is none', async () => {
  const { ask } = proxy(({ id }) => query('other.test', DNS_TYPE.A, { id, response: true }));
  assert.equal((await ask(query('nowhere.test'))).code, DNS_CODE.serverFailure);
});

test('what does not fit into UDP is cut, and whole over TCP', async () => {
  const { ask } = proxy();
  const cut = await ask(query('many'));
  assert.ok(cut.truncated);
  assert.equal(cut.answers.length, 0);
  assert.equal((await ask(query('many'), 'tcp')).answers.length, 60);
});

test('addresses of a name take turns', async () => {
  const { ask } = proxy();
  const first = new Set<string | undefined>();
  for (let i = 0; i < 50; i++) first.add(addresses(await ask(query('many'), 'tcp'))[0]);
  assert.ok(first.size > 5);
});

test('answers are not answered, other operations are refused, broken queries get FORMERR', async () => {
  const { dns, ask } = proxy();
  assert.equal(await dns.answer(query('reviews', DNS_TYPE.A, { response: true }), 'udp'), undefined);
  assert.equal((await ask(query('reviews', DNS_TYPE.A, { opcode: 5 }))).code, DNS_CODE.notImplemented);
  const broken = (await dns.answer(query('reviews').subarray(0, 14), 'udp')) as Uint8Array;
  assert.equal((broken[3] as number) & 15, DNS_CODE.formatError);
});

test('no bytes make the proxy fail', async () => {
  const { dns } = proxy();
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), async (bytes) => void (await dns.answer(bytes, 'udp'))),
  );
});

test("resolv.conf: servers in order, the last search list, the C library's default", () => {
  assert.deepEqual(readResolvConf('# x\nnameserver 10.0.0.1\noptions ndots:5\ndomain a.b\nsearch c.d E.F.\n'), {
    servers: ['10.0.0.1'],
    search: ['c.d', 'e.f'],
  });
  assert.deepEqual(readResolvConf(''), { servers: ['127.0.0.1'], search: [] });
});
