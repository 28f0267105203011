// What the demo prints leads where it says.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readyScreen } from './demo-screen.ts';

test('the live graph is the address of the graph', () => {
  const ports = { http: 8080, https: 8443, xds: 15012, monitoring: 15014, page: 20001 };
  const screen = readyScreen({ ports, home: '.mesh', capture: 'none', envoy: false, load: true, seconds: 1 });
  assert.match(screen, /^ {2}Live graph +http:\/\/127\.0\.0\.1:20001\/graph$/m);
});
