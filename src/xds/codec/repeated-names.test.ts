// Lists of names that many clients send alike are read once, and never mistaken for another list.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { XDS_LIMITS } from '../limits.ts';
import { RepeatedNames } from './repeated-names.ts';
import { decodeDeltaRequest, encodeDeltaRequest } from './request.ts';

const request = (subscribe: readonly string[], responseNonce = ''): Uint8Array =>
  encodeDeltaRequest({
    node: undefined,
    typeUrl: 't',
    subscribe,
    unsubscribe: [],
    initialVersions: new Map(),
    responseNonce,
    errorDetail: undefined,
  });
const list = (size: number, prefix = 'outbound|80||'): string[] => Array.from({ length: size }, (_, i) => prefix + i);

test('gives the same array to clients that name the same, whatever else they say', () => {
  const repeated = new RepeatedNames();
  const first = decodeDeltaRequest(request(list(100)), repeated);
  const second = decodeDeltaRequest(request(list(100), 'n1'), repeated);
  assert.equal(second.subscribe, first.subscribe);
  assert.deepEqual([second.responseNonce, first.subscribe], ['n1', list(100)]);
});

test('reads a list that goes on, ends before or differs in one name by itself', () => {
  const repeated = new RepeatedNames();
  decodeDeltaRequest(request(list(100)), repeated);
  for (const other of [list(101), list(99), [...list(99), 'x'], ['x', ...list(100)]])
    assert.deepEqual(decodeDeltaRequest(request(other), repeated).subscribe, other);
});

test('remembers neither short lists nor more than its limit', () => {
  const repeated = new RepeatedNames();
  const short = request(list(XDS_LIMITS.repeatedNamesMin - 1));
  assert.notEqual(decodeDeltaRequest(short, repeated).subscribe, decodeDeltaRequest(short, repeated).subscribe);
  const first = decodeDeltaRequest(request(list(100)), repeated).subscribe;
  for (let i = 0; i < XDS_LIMITS.repeatedNamesKept; i++) decodeDeltaRequest(request(list(100, `${i}-`)), repeated);
  assert.notEqual(decodeDeltaRequest(request(list(100)), repeated).subscribe, first);
});
