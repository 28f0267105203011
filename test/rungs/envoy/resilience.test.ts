// Rotating certificates, a control plane that is killed and its restart once more, with a real Envoy beside each agent.
import process from 'node:process';

process.env['TOPSAIL_TEST_DATA_PLANE'] = 'envoy';
await import('../../scenarios/resilience.test.ts');
