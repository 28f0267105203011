import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FirstSpeakers } from './first-speakers.ts';

test('a port whose server speaks first is dialled at once, others after a while', () => {
  const speakers = new FirstSpeakers();
  const unknown = speakers.patienceMs('10.0.0.1:25');
  speakers.note('10.0.0.1:25', 'server');
  speakers.note('10.0.0.2:80', 'client');
  assert.equal(speakers.patienceMs('10.0.0.1:25'), 0);
  assert.ok(unknown > 0 && unknown < speakers.patienceMs('10.0.0.2:80'));
});

test('the newest connection tells', () => {
  const speakers = new FirstSpeakers();
  speakers.note('10.0.0.1:7', 'client');
  speakers.note('10.0.0.1:7', 'server');
  assert.equal(speakers.of('10.0.0.1:7'), 'server');
});

test('as many ports as somebody tries are not all kept', () => {
  const speakers = new FirstSpeakers();
  for (let port = 1; port <= 5000; port++) speakers.note(`10.0.0.1:${port}`, 'server');
  assert.equal(speakers.of('10.0.0.1:1'), undefined);
  assert.equal(speakers.of('10.0.0.1:5000'), 'server');
});
