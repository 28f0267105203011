// Statuses are written by the one that leads, when something of them changed, and then once.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeClock, SeededRandom, silentLogger } from '#base';
import { type Complaint, parseText, type StatusInput, viewOf } from '#config';
import type { KubeClient, KubeObject } from '#kube';
import { StatusWriter } from './status-writer.ts';

const POLICY =
  'apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: { name: p, namespace: shop }\nspec: { selector: { matchLabels: { app: nobody } }, rules: [{}] }\n';
const FOUND: Complaint = {
  code: 'TS-REG-026',
  severity: 'warning',
  file: '',
  line: 0,
  column: 0,
  object: 'AuthorizationPolicy shop/p',
  path: 'spec.selector.matchLabels',
  message: 'no workload has the labels app=nobody',
  remedy: 'Correct the labels.',
  page: 'errors.md#ts-reg-026',
};

interface Status {
  readonly conditions: readonly { readonly type: string; readonly status: string; readonly message: string }[];
  readonly validationMessages: readonly object[];
}

function begin(input: Pick<StatusInput, 'state' | 'complaints'> = { state: 'accepted', complaints: [] }) {
  const clock = new FakeClock();
  const written: Status[] = [];
  let object: KubeObject = { metadata: { name: 'p', namespace: 'shop' } };
  let found: readonly Complaint[] = [];
  const view = viewOf(parseText('t.yaml', POLICY, { createdMs: 1 }).flatMap((one) => one.object ?? []));
  const statusInputs = new Map([
    ['AuthorizationPolicy/shop/p', { key: 'AuthorizationPolicy/shop/p', generation: 1, ...input }],
  ]);
  const client = {
    get: async () => ({ ok: true, value: object }),
    apply: async (_: unknown, { status }: { status: Status }) => {
      written.push(status);
      object = { ...object, status };
      return { ok: true, value: object };
    },
    create: async () => (input.state === 'accepted' ? assert.fail('nothing is refused') : { ok: true, value: object }),
  } as unknown as KubeClient;
  const writer = new StatusWriter({
    client,
    clock,
    random: new SeededRandom(1),
    log: silentLogger,
    view: () => ({
      ...view,
      list: view.list.bind(view),
      get: view.get.bind(view),
      all: view.all.bind(view),
      statusInputs,
    }),
    generated: () => false,
    programmed: async () => ({ acknowledged: 0, concerned: 0, rejected: [], lagging: [] }),
    findings: () => found,
    heeded: (complaints) => complaints.filter(({ code }) => code !== 'TS-CFG-0404'),
    addresses: () => [],
    claimed: () => new Map(),
  });
  return {
    written,
    writer,
    find: (...complaints: readonly Complaint[]): void => void (found = complaints),
    seconds: async (count: number): Promise<void> => {
      for (let i = 0; i < count; i++) {
        clock.advance(1000);
        for (let turn = 0; turn < 20; turn++) await Promise.resolve();
      }
    },
  };
}

const types = (status: Status | undefined): string =>
  (status?.conditions ?? []).map(({ type, status: state }) => `${type} ${state}`).join(', ');

test('a finding that lasts is written once, and taken away once', async () => {
  const { written, writer, find, seconds } = begin();
  writer.setLeading(true);
  await seconds(70);
  assert.deepEqual(written.map(types), ['Accepted True, Programmed True']);
  find(FOUND);
  await seconds(200);
  assert.deepEqual(written.slice(1).map(types), ['Accepted True, Programmed True, PassedAnalysis False']);
  assert.deepEqual(written[1]?.validationMessages, [
    { type: { code: 'TS-REG-026' }, level: 'WARNING', documentationUrl: 'docs/errors.md#ts-reg-026' },
  ]);
  find();
  await seconds(200);
  assert.deepEqual(written.slice(2).map(types), ['Accepted True, Programmed True']);
  assert.deepEqual(written[2]?.validationMessages, []);
  writer.stop();
});

test('of what is said of the document, what concerns nobody is not told', async () => {
  const complaints = ['TS-CFG-0404', 'TS-CFG-0411'].map((code) => ({ ...FOUND, code }));
  const { written, writer, seconds } = begin({ state: 'accepted', complaints });
  writer.setLeading(true);
  await seconds(70);
  assert.match(written[0]?.conditions.map(({ message }) => message).join() ?? '', /TS-CFG-0411/);
  assert.doesNotMatch(JSON.stringify(written), /TS-CFG-0404/);
  writer.stop();
});

test('who does not lead writes nothing, and who begins to takes nothing back', async () => {
  const first = begin();
  first.find(FOUND);
  await first.seconds(100);
  assert.deepEqual(first.written, []);
  first.writer.setLeading(true);
  await first.seconds(100);
  assert.deepEqual(first.written.map(types), ['Accepted True, Programmed True, PassedAnalysis False']);
  first.writer.setLeading(false);
  first.find();
  await first.seconds(100);
  assert.equal(first.written.length, 1);
  first.find(FOUND);
  first.writer.setLeading(true);
  await first.seconds(100);
  assert.equal(first.written.length, 1, 'what is written is what is so');
  first.writer.stop();
});

test('of what is refused for thousands of reasons, some that are long are told', async () => {
  const error: Complaint = { ...FOUND, severity: 'error', message: 'x'.repeat(10_000) };
  const { written, writer, seconds } = begin({ state: 'refused', complaints: Array(5000).fill(error) });
  writer.setLeading(true);
  await seconds(5);
  const [accepted] = written[0]?.conditions ?? [];
  assert.equal(accepted?.status, 'False');
  assert.equal(accepted?.message.length, 32_768);
  const few = begin({ state: 'refused', complaints: Array(5000).fill({ ...error, message: 'no' }) });
  few.writer.setLeading(true);
  await few.seconds(5);
  assert.match(few.written[0]?.conditions[0]?.message ?? '', /; and 4990 more$/);
  few.writer.stop();
  writer.stop();
});
