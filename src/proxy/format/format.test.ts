import assert from 'node:assert/strict';
import { test } from 'node:test';
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { HeaderValueOptionSchema } from '#proto/envoy/config/core/v3/base_pb.ts';
import { Draft } from '#base';
import { SubstitutionFormatStringSchema } from '#proto/envoy/config/core/v3/substitution_format_string_pb.ts';
import { StreamRecord } from '#telemetry';
import { HeaderBlock, type RequestHead } from '#wire/http';
import { ConfigError } from '../errors.ts';
import { logContext, type FormatContext } from './format-context.ts';
import { compileHeaderOptions, mutateRequest, mutateResponse } from './header-mutator.ts';
import { compileSubstitutionFormat, DEFAULT_ACCESS_LOG_FORMAT, logFormat } from './substitution-format.ts';
import { compileTextFormat } from './text-format.ts';

function record(): StreamRecord {
  const r = new StreamRecord();
  r.startWallMs = Date.UTC(2024, 1, 3, 4, 5, 6, 78);
  r.startMs = 10;
  r.endMs = 33;
  r.method = 'GET';
  r.path = '/new';
  r.originalPath = '/old?x=1';
  r.authority = 'shop';
  r.responseCode = 503;
  r.responseCodeDetails = 'no healthy upstream';
  r.addFlag('UH');
  r.bytesSent = 19;
  r.downstreamRemoteAddress = '10.0.0.9:1234';
  r.upstreamHost = '[::1]:80';
  r.requestHeaders = new HeaderBlock();
  r.requestHeaders.add('User-Agent', 'curl');
  return r;
}

function text(format: string, r = record()): string {
  return compileTextFormat(format, 'f').format(logContext(r, 0));
}

test('the default format prints what Envoy prints', () => {
  assert.equal(
    text(DEFAULT_ACCESS_LOG_FORMAT),
    '[2024-02-03T04:05:06.078Z] "GET /old?x=1 HTTP/1.1" 503 UH 0 19 23 - "-" "curl" "-" "shop" "[::1]:80"\n',
  );
});

test('a line that is put together piece by piece is the one that is one text', () => {
  const format = logFormat(`${DEFAULT_ACCESS_LOG_FORMAT}%START_TIME(%s)% %START_TIME:10% %EMIT_TIME%`, 'f', '-');
  for (const fraction of [0, 0.7, 999, 999.99]) {
    const r = record();
    r.startWallMs = Date.UTC(2024, 1, 3, 4, 5, 6) + fraction;
    const out = new Draft();
    out.begin({ makeRoom: () => {} });
    assert.ok(format.put(logContext(r, 1500), out));
    const line = Buffer.from(out.view()).toString();
    assert.equal(line, format.format(logContext(r, 1500)));
    assert.ok(line.startsWith(`[${new Date(Math.floor(r.startWallMs)).toISOString()}] `), line);
  }
});

test('operators take arguments, fall back and are cut', () => {
  assert.equal(text('%REQ(X-A?USER-AGENT):2%|%REQ_WITHOUT_QUERY(X-ENVOY-ORIGINAL-PATH?:PATH)%|100%%'), 'cu|/old|100%');
  assert.equal(
    text('%START_TIME(%Y/%m/%dT%H:%M:%S%z %s %3f %9f)%'),
    '2024/02/03T04:05:06+0000 1706933106 078 078000000',
  );
  assert.equal(
    text(
      '%RESPONSE_CODE_DETAILS% %RESPONSE_FLAGS_LONG% %UPSTREAM_REMOTE_ADDRESS_WITHOUT_PORT% %DOWNSTREAM_REMOTE_PORT%',
    ),
    'no_healthy_upstream NoHealthyUpstream ::1 1234',
  );
});

test('metadata and filter state are read by their keys', () => {
  const r = record();
  r.metadata = new Map([['jwt', { claims: { sub: 'jane' } }]]);
  r.filterState = new Map([['app', '{"a":1}']]);
  assert.equal(
    text(
      '%DYNAMIC_METADATA(jwt:claims:sub)% %DYNAMIC_METADATA(jwt)% %DYNAMIC_METADATA(jwt:none)% %FILTER_STATE(app:PLAIN)% %FILTER_STATE(app:FIELD:a)%',
      r,
    ),
    'jane {"claims":{"sub":"jane"}} - {"a":1} 1',
  );
});

test('what is no operator is refused', () => {
  for (const bad of ['%', '%NOPE%', '%REQ%', '%REQ()%', '%PROTOCOL(x)%', '%START_TIME(%Q)%', '%REQ(a?b?c)%'])
    assert.throws(() => compileTextFormat(bad, 'f'), ConfigError, bad);
});

test('any text without a per cent sign is itself, and no text breaks the parser', () => {
  fc.assert(
    fc.property(fc.string(), (s) => {
      try {
        const out = compileTextFormat(s, 'f').format(logContext(record(), 0));
        if (!s.includes('%')) assert.equal(out, s);
      } catch (error) {
        assert.ok(error instanceof ConfigError);
      }
    }),
  );
});

test('JSON keeps types, sorts keys and says null', () => {
  const json = compileSubstitutionFormat(
    create(SubstitutionFormatStringSchema, {
      format: {
        case: 'jsonFormat',
        value: {
          z: '%RESPONSE_CODE%',
          a: '%REQ(USER-AGENT)%',
          m: { path: 'at "%PATH(NQ)%"', none: '%ROUTE_NAME%' },
          l: ['%BYTES_SENT%', true],
        },
      },
    }),
    'f',
  );
  assert.equal(
    json.format(logContext(record(), 0)),
    '{"a":"curl","l":[19,true],"m":{"none":null,"path":"at \\"/old\\""},"z":503}\n',
  );
  const omitting = compileSubstitutionFormat(
    create(SubstitutionFormatStringSchema, {
      format: { case: 'jsonFormat', value: { a: '%ROUTE_NAME%', b: '%RESPONSE_CODE%' } },
      omitEmptyValues: true,
    }),
    'f',
  );
  assert.equal(omitting.format(logContext(record(), 0)), '{"b":503}\n');
});

test('every JSON line can be parsed again, whatever the headers hold', () => {
  const json = compileSubstitutionFormat(
    create(SubstitutionFormatStringSchema, {
      format: { case: 'jsonFormat', value: { ua: '%REQ(USER-AGENT)%', mixed: 'x %REQ(USER-AGENT)%' } },
    }),
    'f',
  );
  fc.assert(
    fc.property(fc.string(), (agent) => {
      const r = record();
      r.requestHeaders?.set('User-Agent', agent);
      JSON.parse(json.format(logContext(r, 0)));
    }),
  );
});

test('UTF-8 bytes of headers are logged as the characters they are', () => {
  const r = record();
  r.requestHeaders?.set('User-Agent', Buffer.from('Größe', 'utf8').toString('latin1'));
  const make = (format: MessageInitShape<typeof SubstitutionFormatStringSchema>['format']) =>
    compileSubstitutionFormat(
      create(SubstitutionFormatStringSchema, { format } as MessageInitShape<typeof SubstitutionFormatStringSchema>),
      'f',
    ).format(logContext(r, 0));
  assert.equal(make({ case: 'textFormat', value: '%REQ(USER-AGENT)%' }), 'Größe');
  assert.equal(make({ case: 'jsonFormat', value: { a: '%REQ(USER-AGENT)%' } }), '{"a":"Größe"}\n');
});

function context(head: RequestHead): () => FormatContext {
  return () => ({ ...logContext(record(), 0), requestHead: head });
}

test('header options append, keep, overwrite and remove', () => {
  const option = (key: string, value: string, appendAction: 0 | 1 | 2 | 3 = 0, keepEmptyValue = false) =>
    create(HeaderValueOptionSchema, { header: { key, value }, appendAction, keepEmptyValue });
  const mutations = compileHeaderOptions(
    [
      option('a', '2'),
      option('b', '2', 1),
      option('c', '2', 2),
      option('d', '2', 3),
      option('e', '%REQ(x-none)%'),
      option('f', '%REQ(x-none)%', 0, true),
      option('g', 'é%REQ(a)%'),
      option(':path', '/p%REQ(:path)%'),
      option('host', 'new'),
    ],
    ['X-Gone'],
    'f',
  );
  const head: RequestHead = {
    method: 'GET',
    path: '/q',
    authority: 'old',
    scheme: 'http',
    version: '1.1',
    protocol: '',
    headers: new HeaderBlock(),
  };
  for (const name of ['a', 'b', 'c', 'x-gone']) head.headers.add(name, '1');
  mutateRequest(mutations, head, context(head));
  assert.deepEqual(
    [...head.headers.entries()],
    [
      ['a', '1'],
      ['b', '1'],
      ['c', '2'],
      ['a', '2'],
      ['f', ''],
      ['g', 'Ã©1'],
    ],
  );
  assert.equal(head.path, '/p/q');
  assert.equal(head.authority, 'new');
});

test('no value with a blank becomes the target, the host or the method', () => {
  const names = [':path', ':authority', 'host', ':method'];
  const mutations = compileHeaderOptions(
    names.map((key) => create(HeaderValueOptionSchema, { header: { key, value: '%REQ(x-in)%' }, appendAction: 2 })),
    [],
    'f',
  );
  for (const value of ['/a HTTP/1.1', '/a\tb', 'a\u007f']) {
    const headers = new HeaderBlock();
    headers.add('x-in', value);
    const said = { method: 'GET', path: '/q', authority: 'a', scheme: 'http', version: '1.1', protocol: '' } as const;
    const head: RequestHead = { ...said, headers };
    mutateRequest(mutations, head, context(head));
    assert.deepEqual({ ...head, headers: undefined }, { ...said, headers: undefined });
  }
});

test('no operator can end a header line, and no option may remove host', () => {
  const [mutation] = compileHeaderOptions(
    [create(HeaderValueOptionSchema, { header: { key: 'x', value: '%REQUESTED_SERVER_NAME%' } })],
    [],
    'f',
  );
  const r = record();
  r.sni = 'a\r\nset-cookie: b';
  const response = { status: 200, headers: new HeaderBlock() };
  mutateResponse([mutation as NonNullable<typeof mutation>], response, () => logContext(r, 0));
  assert.equal(response.headers.get('x'), 'aset-cookie: b');
  assert.throws(() => compileHeaderOptions([], ['Host'], 'f'), ConfigError);
  assert.throws(
    () => compileHeaderOptions([create(HeaderValueOptionSchema, { header: { key: 'x y', value: '' } })], [], 'f'),
    ConfigError,
  );
});

test('what a token or a client says can neither end a line of a log nor talk to a terminal', () => {
  const r = record();
  r.sni = 'a\r\n[forged] line\u001b[2J';
  r.metadata = new Map([['jwt', { sub: 'b\nc\u009b2J', list: ['d\ne'] }]]);
  const { format } = logFormat(
    '%REQUESTED_SERVER_NAME% %DYNAMIC_METADATA(jwt:sub)% %DYNAMIC_METADATA(jwt:list)% end\n',
    'f',
    '-',
  );
  assert.equal(format(logContext(r, 0)), 'a\\u000d\\u000a[forged] line\\u001b[2J b\\u000ac\\u009b2J ["d\\ne"] end\n');
});
