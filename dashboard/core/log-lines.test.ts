import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { readLogLine } from './log-lines.ts';

const ID = '0cb25c1b-51d2-4673-ab91-c8ec366d3f21';

test('an access log entry in JSON shows its request, its answer and its request id', () => {
  const line = JSON.stringify({
    ...{ start_time: '2026-11-21T21:39:52.611Z', method: 'GET', authority: 'reviews:9080', path: '/reviews/0' },
    ...{ response_code: 503, response_flags: 'UH', duration: 12, upstream_host: null, request_id: ID },
  });
  const { raw, ...read } = readLogLine(line);
  assert.equal(raw, line);
  assert.deepEqual(read, {
    ...{ kind: 'access', time: '21:39:52.611', level: '', words: 'GET reviews:9080/reviews/0' },
    ...{ status: 503, flags: 'UH', durationMs: 12, to: '', requestId: ID },
  });
});

test('so does one in Istio’s text form', () => {
  const line = `[2026-11-21T21:39:52.611Z] "GET /reviews/0 HTTP/1.1" 200 - via_upstream - "-" 0 375 7 6 "-" "curl/8" "${ID}" "reviews:9080" "127.0.0.1:9080" inbound|9080|| 127.0.0.1:4 127.0.0.1:9080 127.0.0.1:5 sni default`;
  const { kind, words, status, durationMs, to, requestId } = readLogLine(line);
  assert.deepEqual(
    { kind, words, status, durationMs, to, requestId },
    {
      ...{ kind: 'access', words: 'GET reviews:9080/reviews/0', status: 200 },
      ...{ durationMs: 7, to: '127.0.0.1:9080', requestId: ID },
    },
  );
});

test('the agent’s own lines have a level, and the application’s are what they are', () => {
  const agent = readLogLine('2026-11-21T21:39:49.498Z\twarn\tidentity\tit is late');
  assert.deepEqual(
    [agent.kind, agent.level, agent.time, agent.words],
    ['agent', 'warn', '21:39:49.498', 'identity  it is late'],
  );
  assert.equal(readLogLine('{"message":"listening"}').kind, 'app');
  assert.equal(readLogLine('listening').words, 'listening');
});

test('whatever a line holds, it shows as one line of visible text', () => {
  assert.equal(readLogLine('\u001b[2Jgone\u202e').words, '\\u001b[2Jgone\\u202e');
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (line) => {
      const { words } = readLogLine(line.replaceAll('\n', ''));
      // biome-ignore lint/suspicious/noControlCharactersInRegex: none may be left
      assert.doesNotMatch(words, /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/);
    }),
  );
});
