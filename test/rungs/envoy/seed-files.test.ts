// The scenarios of the seed files once more, with a real Envoy beside each agent in the place of our proxy.
import process from 'node:process';

process.env['TOPSAIL_TEST_DATA_PLANE'] = 'envoy';
await import('../../scenarios/seed-files.test.ts');
