// Which responses outlier detection takes for errors (error_matcher of HttpProtocolOptions): where it is given, its word holds and the status does not.

import type { MatchPredicate } from '#proto/envoy/config/common/matcher/v3/matcher_pb.ts';
import type { ResponseHead } from '#wire/http';
import type { HostOutcome } from '../cluster/index.ts';
import { ConfigError } from '../errors.ts';
import { compileResponseMatcher } from '../matcher/header-matcher.ts';

export type ErrorMatcher = (head: ResponseHead) => boolean;

/** Throws a ConfigError for what is no matter of a response's head. */
export function compileErrorMatcher({ rule }: MatchPredicate, field: string): ErrorMatcher {
  switch (rule.case) {
    case 'orMatch': {
      const rules = rule.value.rules.map((one, i) => compileErrorMatcher(one, `${field}.or_match.rules[${i}]`));
      return (head) => rules.some((one) => one(head));
    }
    case 'andMatch': {
      const rules = rule.value.rules.map((one, i) => compileErrorMatcher(one, `${field}.and_match.rules[${i}]`));
      return (head) => rules.every((one) => one(head));
    }
    case 'notMatch': {
      const inner = compileErrorMatcher(rule.value, `${field}.not_match`);
      return (head) => !inner(head);
    }
    case 'anyMatch':
      return () => true;
    case 'httpResponseHeadersMatch': {
      const all = rule.value.headers.map((one, i) =>
        compileResponseMatcher(one, `${field}.http_response_headers_match.headers[${i}]`),
      );
      return (head) => all.every((one) => one(head));
    }
    default:
      throw new ConfigError('proxy.unsupported', field, 'give http_response_headers_match');
  }
}

/** As Envoy counts it: an error below 500 as 500, what is no error as 200. */
export function answerOf(head: ResponseHead, isError: ErrorMatcher | undefined): HostOutcome {
  const { status } = head;
  if (isError === undefined) return { kind: 'answer', status };
  return { kind: 'answer', status, judged: isError(head) ? Math.max(status, 500) : 200 };
}
