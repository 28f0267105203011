// The edit storm once more, with a real Envoy beside each agent: what touches no filter chain closes no WebSocket, and no edit fails a request.
import process from 'node:process';

process.env['TOPSAIL_TEST_DATA_PLANE'] = 'envoy';
await import('../../scenarios/edit-storm.test.ts');
