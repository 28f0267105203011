// WasmPlugins' modules and edits once more, with a real Envoy: what it is sent it takes, and no edit touches its listeners.
import process from 'node:process';

process.env['TOPSAIL_TEST_DATA_PLANE'] = 'envoy';
await import('../../scenarios/wasm-modules.test.ts');
