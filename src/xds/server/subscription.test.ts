import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TYPE_URL, type XdsResource } from '#base';
import { foldDelta, foldSotw } from './subscription.ts';
import { TypeState } from './type-state.ts';

const CDS = TYPE_URL.cluster;

test('state of the world: an empty first request is a wildcard; naming something ends it; going back to empty asks for nothing', () => {
  const first = foldSotw(CDS, undefined, []);
  assert.deepEqual([first.next.wildcard, first.wildcardBegan], [true, true]);
  assert.equal(foldSotw(CDS, first.next, []).wildcardBegan, false);
  const named = foldSotw(CDS, first.next, ['a']);
  assert.deepEqual([named.next.wildcard, named.asked], [false, ['a']]);
  const empty = foldSotw(CDS, named.next, []);
  assert.deepEqual([empty.next.wildcard, empty.next.names.size, empty.dropped], [false, 0, ['a']]);
});

test('state of the world: the star is an explicit wildcard, beside names', () => {
  const both = foldSotw(CDS, undefined, ['*', 'a']);
  assert.deepEqual([both.next.wildcard, both.next.legacy, [...both.next.names]], [true, false, ['a']]);
  assert.equal(foldSotw(CDS, both.next, ['a']).next.wildcard, false);
});

test('endpoints and routes have no wildcard of the old kind', () => {
  assert.equal(foldSotw(TYPE_URL.endpoint, undefined, []).next.wildcard, false);
  assert.equal(foldDelta(TYPE_URL.route, undefined, [], []).next.wildcard, false);
});

test('delta: an empty first request is a wildcard, and names come beside it', () => {
  const first = foldDelta(CDS, undefined, [], []);
  const named = foldDelta(CDS, first.next, ['a'], []);
  assert.deepEqual([named.next.wildcard, named.asked], [true, ['a']]);
  const without = foldDelta(CDS, named.next, [], ['*']);
  assert.deepEqual([without.next.wildcard, [...without.next.names]], [false, ['a']]);
});

test('delta: a name asked for again is answered again; an unknown one is dropped in silence', () => {
  const first = foldDelta(CDS, undefined, ['a'], []);
  assert.deepEqual(foldDelta(CDS, first.next, ['a'], ['x']).asked, ['a']);
  assert.deepEqual(foldDelta(CDS, first.next, [], ['x']).dropped, []);
});

test('streams that name all that there is share one set; what one of them names later is its own', () => {
  const one = (name: string): XdsResource => ({
    typeUrl: TYPE_URL.endpoint,
    name,
    version: '1',
    bytes: new Uint8Array(),
    origins: [],
  });
  const all = new Map(['a', 'b'].map((name) => [name, one(name)]));
  const subscribed = (...names: string[]): TypeState => {
    const type = new TypeState(TYPE_URL.endpoint);
    type.subscribe({ wildcard: false, legacy: false, names: new Set(names) }, all);
    return type;
  };
  const [first, second, part, more] = [
    subscribed('a', 'b'),
    subscribed('b', 'a'),
    subscribed('a'),
    subscribed('a', 'b', 'c'),
  ];
  assert.equal(first.subscription.names, second.subscription.names);
  assert.deepEqual([...part.subscription.names], ['a']);
  assert.deepEqual([...more.subscription.names], ['a', 'b', 'c']);
  second.subscribe(foldDelta(TYPE_URL.endpoint, second.subscription, ['c'], ['a']).next, all);
  assert.deepEqual([...second.subscription.names], ['b', 'c']);
  assert.deepEqual([...first.subscription.names], ['a', 'b']);
});
