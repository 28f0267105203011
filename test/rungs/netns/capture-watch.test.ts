// Rules that are deleted in a live namespace are missed by the agent of a pod, over real rules and sockets.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { join } from 'node:path';
import process from 'node:process';
import { after, before, test } from 'node:test';
import { nftRules } from '../../../src/agent/index.ts';
import type { CapturePlan } from '../../../src/base/index.ts';
import { root } from '../../mesh/mesh.ts';
import { until } from '../../mesh/until.ts';

const ADDRESS = '198.18.255.1';
const NAME = `topsail-watch-${process.pid}`;
const needsRoot = process.getuid?.() === 0 ? false : 'needs root';

const plan: CapturePlan = {
  inboundPort: 15006,
  outboundPort: 15001,
  proxyUid: 0,
  includeInboundPorts: '*',
  excludeInboundPorts: [],
  includeOutboundRanges: '*',
  excludeOutboundRanges: [],
  includeOutboundPorts: [],
  excludeOutboundPorts: [],
  excludeInterfaces: [],
  virtualInterfaces: [],
};

function inside(command: readonly string[], input = ''): void {
  execFileSync('ip', ['netns', 'exec', NAME, ...command], { input });
}

let pod: ChildProcess | undefined;
let said = '';

before(() => {
  if (needsRoot !== false) return;
  execFileSync('ip', ['netns', 'add', NAME]);
  inside(['ip', '-batch', '-'], `link set lo up\naddress add ${ADDRESS}/32 dev lo\n`);
  inside(['nft', '-f', '-'], nftRules(plan));
  const program = join(root, 'test/rungs/netns/watch-capture.ts');
  pod = spawn('ip', ['netns', 'exec', NAME, process.execPath, program, ADDRESS], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  pod.stdout?.on('data', (chunk: Buffer) => (said += chunk));
});

after(() => {
  pod?.kill('SIGKILL');
  if (needsRoot === false) execFileSync('ip', ['netns', 'delete', NAME]);
});

test('deleted rules are missed, and their return is seen', { skip: needsRoot }, async () => {
  await until('a call came back in', () => said.includes('a call came in'));
  inside(['nft', 'flush', 'ruleset']);
  await until('the rules are missed', () => said.includes('lost'));
  inside(['nft', '-f', '-'], nftRules(plan));
  await until('their return is seen', () => said.includes('back'));
});
