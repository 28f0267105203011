import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fromJson, type JsonValue } from '@bufbuild/protobuf';
import { MatchPredicateSchema } from '#proto/envoy/config/common/matcher/v3/matcher_pb.ts';
import { HeaderBlock } from '#wire/http';
import { answerOf, compileErrorMatcher } from './error-matcher.ts';

const STATUS = (exact: string): JsonValue => ({
  http_response_headers_match: { headers: [{ name: ':status', string_match: { exact } }] },
});
const judge = (predicate: JsonValue, status: number, headers: Record<string, string> = {}): unknown => {
  const block = new HeaderBlock();
  for (const [name, value] of Object.entries(headers)) block.add(name, value);
  const outcome = answerOf(
    { status, headers: block },
    compileErrorMatcher(fromJson(MatchPredicateSchema, predicate), 'error_matcher'),
  );
  return outcome.kind === 'answer' ? outcome.judged : undefined;
};

describe('the error matcher of outlier detection', () => {
  it('takes the statuses that it names for errors, and no others', () => {
    const either = { or_match: { rules: [STATUS('429'), STATUS('503')] } };
    assert.deepEqual(
      [429, 503, 500, 200].map((status) => judge(either, status)),
      [500, 503, 200, 200],
    );
  });
  it('looks at other headers, and at several', () => {
    const both = {
      and_match: {
        rules: [
          { not_match: STATUS('200') },
          { http_response_headers_match: { headers: [{ name: 'x-sick', present_match: true }] } },
        ],
      },
    };
    assert.equal(judge(both, 404, { 'x-sick': '1' }), 500);
    assert.equal(judge(both, 404), 200);
    assert.equal(judge(both, 200, { 'x-sick': '1' }), 200);
    assert.equal(judge({ any_match: true }, 200), 500);
  });
  it('is refused where it is about something else than the head of a response', () => {
    assert.throws(
      () => judge({ http_request_headers_match: { headers: [{ name: 'a' }] } }, 200),
      /error_matcher is not supported.*http_response_headers_match/,
    );
  });
  it('leaves the status to judge where there is none', () => {
    assert.deepEqual(answerOf({ status: 404, headers: new HeaderBlock() }, undefined), { kind: 'answer', status: 404 });
  });
});
