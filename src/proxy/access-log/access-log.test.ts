import assert from 'node:assert/strict';
import { test } from 'node:test';
import { create, toBinary } from '@bufbuild/protobuf';
import { FakeClock, SeededRandom } from '#base';
import {
  type AccessLogFilter,
  AccessLogFilterSchema,
  AccessLogSchema,
} from '#proto/envoy/config/accesslog/v3/accesslog_pb.ts';
import { FileAccessLogSchema } from '#proto/envoy/extensions/access_loggers/file/v3/file_pb.ts';
import { type LogSink, StreamRecord } from '#telemetry';
import { HeaderBlock } from '#wire/http';
import type { ProxyServices } from '../services.ts';
import { accessLogSinks } from './access-log-sinks.ts';
import { LogFiles } from './log-files.ts';
import { compileLogFilter } from './log-filter.ts';

function record(change: Partial<StreamRecord> = {}): StreamRecord {
  return Object.assign(new StreamRecord(), { method: 'GET', path: '/x', responseCode: 200, endMs: 12, ...change });
}

const filter = (f: Parameters<typeof create<typeof AccessLogFilterSchema>>[1]): ((r: StreamRecord) => boolean) =>
  compileLogFilter(create(AccessLogFilterSchema, f) as AccessLogFilter, 'filter', new SeededRandom(1));

function open(): {
  files: LogFiles;
  written: Map<string, string>;
  clock: FakeClock;
  build: (path: string, format: string) => { onStreamEnd(r: StreamRecord): void; dispose?(): void };
} {
  const written = new Map<string, string>();
  const clock = new FakeClock();
  const files = new LogFiles({
    clock,
    open: (path): LogSink => ({
      write: (block, done) => (written.set(path, (written.get(path) ?? '') + block), done(undefined)),
      reopen: (done) => done(undefined),
      close: () => {},
    }),
  });
  const services = { clock, random: new SeededRandom(1) } as unknown as ProxyServices;
  const [file] = accessLogSinks(files);
  assert.ok(file !== undefined);
  const build = (path: string, format: string): ReturnType<typeof file.build> =>
    file.build(
      toBinary(
        FileAccessLogSchema,
        create(FileAccessLogSchema, {
          path,
          accessLogFormat: {
            case: 'logFormat',
            value: {
              format: { case: 'textFormatSource', value: { specifier: { case: 'inlineString', value: format } } },
            },
          },
        }),
      ),
      services,
      create(AccessLogSchema),
    );
  return { files, written, clock, build };
}

test('a finished stream becomes a line of the configured format', () => {
  const { written, clock, build } = open();
  build('/logs/a', '%REQ(:METHOD)% %RESPONSE_CODE%\n').onStreamEnd(record());
  clock.advance(1_000);
  assert.equal(written.get('/logs/a'), 'GET 200\n');
});

test('two listeners that log to one path share its writer; it is closed with the last', () => {
  const { written, build } = open();
  const a = build('/logs/a', 'a\n');
  const b = build('/logs/a', 'b\n');
  a.onStreamEnd(record());
  a.dispose?.();
  b.onStreamEnd(record());
  assert.equal(written.get('/logs/a'), undefined);
  b.dispose?.();
  assert.equal(written.get('/logs/a'), 'a\nb\n');
});

test('by status, duration and flags', () => {
  const errors = filter({
    filterSpecifier: {
      case: 'statusCodeFilter',
      value: { comparison: { op: 1, value: { defaultValue: 500, runtimeKey: 'x' } } },
    },
  });
  assert.deepEqual(
    [499, 500].map((responseCode) => errors(record({ responseCode }))),
    [false, true],
  );
  const slow = filter({
    filterSpecifier: {
      case: 'durationFilter',
      value: { comparison: { op: 1, value: { defaultValue: 100, runtimeKey: 'x' } } },
    },
  });
  assert.deepEqual(
    [99, 100].map((endMs) => slow(record({ endMs }))),
    [false, true],
  );
  const flagged = filter({ filterSpecifier: { case: 'responseFlagFilter', value: { flags: ['UO'] } } });
  assert.deepEqual([flagged(record({ flags: ['UO'] })), flagged(record({ flags: ['UF'] }))], [true, false]);
});

test('and, or and headers combine', () => {
  const requestHeaders = new HeaderBlock();
  requestHeaders.add('X-Debug', '1');
  const header = {
    filterSpecifier: {
      case: 'headerFilter' as const,
      value: { header: { name: 'x-debug', headerMatchSpecifier: { case: 'presentMatch' as const, value: true } } },
    },
  };
  const errors = {
    filterSpecifier: {
      case: 'statusCodeFilter' as const,
      value: { comparison: { op: 1 as const, value: { defaultValue: 500, runtimeKey: 'x' } } },
    },
  };
  const both = filter({ filterSpecifier: { case: 'andFilter', value: { filters: [header, errors] } } });
  const either = filter({ filterSpecifier: { case: 'orFilter', value: { filters: [header, errors] } } });
  assert.deepEqual(
    [both(record({ requestHeaders })), either(record({ requestHeaders })), either(record())],
    [false, true, false],
  );
});

test('half of the requests by their id is about half, the same half everywhere', () => {
  const half = filter({
    filterSpecifier: {
      case: 'runtimeFilter',
      value: { runtimeKey: 'x', percentSampled: { numerator: 50, denominator: 0 } },
    },
  });
  const random = new SeededRandom(3);
  const ids = Array.from({ length: 2_000 }, () => random.uuid());
  const kept = ids.filter((requestId) => half(record({ requestId })));
  assert.ok(kept.length > 900 && kept.length < 1_100, String(kept.length));
  assert.deepEqual(
    ids.filter((requestId) => half(record({ requestId }))),
    kept,
  );
});

test('a filter that is not read is refused, not ignored', () => {
  assert.throws(
    () => filter({ filterSpecifier: { case: 'extensionFilter', value: { name: 'cel' } } }),
    /not supported by this proxy/,
  );
  assert.throws(() => filter({}), /not supported by this proxy/);
});
