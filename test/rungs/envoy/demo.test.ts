// `npm start -- --data-plane envoy`: the demo with a real Envoy beside each agent takes the nine seed files one after another.
import process from 'node:process';

process.env['TOPSAIL_TEST_DATA_PLANE'] = 'envoy';
await import('../../scenarios/demo-seeds.test.ts');
