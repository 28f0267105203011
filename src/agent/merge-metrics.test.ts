import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mergeMetrics } from './merge-metrics.ts';

const OWN = '# TYPE istio_build gauge\nistio_build{tag="1"} 1\n';

test("the application's metrics follow the proxy's", () => {
  assert.equal(mergeMetrics(OWN, '# HELP a A.\n# TYPE a counter\na 1\n'), `${OWN}# HELP a A.\n# TYPE a counter\na 1\n`);
  assert.equal(mergeMetrics(OWN, ''), OWN);
});

test('a family that both have is declared once', () => {
  assert.equal(
    mergeMetrics(OWN, '# TYPE istio_build gauge\nistio_build{tag="app"} 2\n'),
    `${OWN}istio_build{tag="app"} 2\n`,
  );
});

test('the end mark of OpenMetrics does not cut the exposition', () => {
  assert.equal(mergeMetrics(OWN, 'a 1\r\n# EOF\n'), `${OWN}a 1\n`);
});
