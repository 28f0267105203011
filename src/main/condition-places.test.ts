import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Complaint, ConfigObject, ConfigView } from '#config';
import { conditionPlaces } from './condition-places.ts';

const text = `kind: VirtualService
spec:
  hosts: [a]
  http:
  - route: []
  - delegate: { name: gone }
`;
const object = { key: 'VirtualService/shop/a', source: { file: 'a.yaml', line: 11 } } as unknown as ConfigObject;
const complaint = (path: string, name = 'shop/a') =>
  ({ object: `VirtualService ${name}`, path, file: 'a.yaml', line: 11, column: 1 }) as unknown as Complaint;

test('a condition stands at its field, below the line at which its document begins', () => {
  let read = 0;
  const view = { get: (_: string, __: string, name: string) => (name === 'a' ? object : undefined) };
  const placed = conditionPlaces({
    view: () => view as unknown as ConfigView,
    textOf: () => {
      read += 1;
      return text;
    },
  });
  const place = ({ line, column }: Complaint): string => `${line}:${column}`;
  assert.equal(place(placed(complaint('spec.http[1].delegate'))), '16:15');
  assert.equal(place(placed(complaint('spec.hosts[0]'))), '13:11');
  assert.equal(place(placed(complaint(''))), '11:1');
  assert.equal(place(placed(complaint('spec.hosts', 'shop/gone'))), '11:1');
  assert.equal(read, 1, 'a text is read once');
});
