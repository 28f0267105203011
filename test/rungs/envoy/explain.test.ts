// The prepared failures of explain once more, with a real Envoy beside each agent: its access logs bring the records.
import process from 'node:process';

process.env['TOPSAIL_TEST_DATA_PLANE'] = 'envoy';
await import('../../scenarios/explain.test.ts');
