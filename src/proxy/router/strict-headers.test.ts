import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HeaderBlock } from '#wire/http';
import { strictRefusal } from './strict-headers.ts';

/** What Envoy 1.40 answered to each. */
const ANSWERS: readonly (readonly [name: string, value: string, taken: boolean])[] = [
  ['x-envoy-upstream-rq-timeout-ms', 'abc', false],
  ['x-envoy-upstream-rq-timeout-ms', '-1', false],
  ['x-envoy-upstream-rq-timeout-ms', '1.5', false],
  ['x-envoy-upstream-rq-timeout-ms', '', false],
  ['x-envoy-upstream-rq-timeout-ms', '5000000000', true],
  ['x-envoy-upstream-rq-timeout-ms', '+5', true],
  ['x-envoy-max-retries', '3', true],
  ['x-envoy-max-retries', 'x', false],
  ['x-envoy-retry-on', '5xx,foo', false],
  ['x-envoy-retry-on', '5xx, reset', true],
  ['x-envoy-retry-on', '5xx,', true],
  ['x-envoy-retry-on', 'unavailable', false],
  ['x-envoy-retry-grpc-on', '5xx', false],
  ['x-envoy-retry-grpc-on', 'cancelled', true],
  ['x-envoy-upstream-rq-per-try-timeout-ms', '3s', false],
];

for (const [name, value, taken] of ANSWERS)
  test(`${name}: "${value}" is ${taken ? 'taken' : 'refused'}`, () => {
    const headers = new HeaderBlock();
    headers.add(name, value);
    assert.deepEqual(
      strictRefusal(headers, [name]),
      taken
        ? undefined
        : {
            status: 400,
            flag: 'IH',
            details: `request_headers_failed_strict_check{${name}}`,
            body: `invalid header '${name}' with value '${value}'`,
          },
    );
    assert.equal(strictRefusal(headers, []), undefined);
  });
