import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { CapturePlan } from '#base';
import { pilotAgentWords } from './pilot-agent-words.ts';

describe("pilot-agent's command line", () => {
  it('starts the agent of a sidecar as injection writes it, and tells what means nothing here', () => {
    assert.deepEqual(
      pilotAgentWords([
        ...['proxy', 'sidecar', '--domain', 'shop.svc.cluster.local', '--proxyLogLevel=warning'],
        ...['--proxyComponentLogLevel=misc:error', '--log_output_level=default:info', '--concurrency', '2'],
      ]),
      {
        words: ['agent', 'sidecar', '--domain', 'shop.svc.cluster.local', '--log-level', 'warning'],
        without: ['--proxyComponentLogLevel', '--log_output_level', '--concurrency'],
      },
    );
  });

  it('leaves the proxy with a bootstrap alone', () => {
    assert.equal(pilotAgentWords(['proxy', '-c', 'bootstrap.json']), undefined);
    assert.equal(pilotAgentWords(['run', '--', 'node']), undefined);
  });

  it('makes the plan of an init container', () => {
    const flags = [
      '-p',
      '15001',
      '-z',
      '15006',
      '-u',
      '1337',
      '-m',
      'REDIRECT',
      '-i',
      '10.0.0.0/8',
      '-x',
      '',
      '-b',
      '*',
    ];
    const made = pilotAgentWords(['istio-iptables', ...flags, '-d', '15090,15021,15020', '--redirect-dns=true']);
    assert.deepEqual(made?.words.slice(0, 3), ['capture', 'apply', '--plan']);
    const plan = JSON.parse(made?.words[3] ?? '') as CapturePlan;
    assert.deepEqual(plan.includeOutboundRanges, ['10.0.0.0/8']);
    assert.equal(plan.includeInboundPorts, '*');
    assert.deepEqual(plan.excludeInboundPorts, [15_090, 15_021, 15_020]);
    assert.equal(plan.dnsPort, 15_053);
    assert.deepEqual(made?.without, []);
  });

  it('checks the redirection where the CNI plugin makes it', () => {
    const made = pilotAgentWords(['istio-iptables', '-p', '15001', '--run-validation', '--skip-rule-apply']);
    assert.deepEqual(made?.words, ['capture', 'validate']);
  });

  it('captures without a change of addresses', () => {
    const words = pilotAgentWords(['istio-iptables', '-m', 'TPROXY'])?.words ?? [];
    assert.equal((JSON.parse(words.at(-1) ?? '') as { transparent?: boolean }).transparent, true);
  });

  it('refuses what it can not capture', () => {
    assert.throws(
      () => pilotAgentWords(['istio-iptables', '-m', 'BRIDGE']),
      /interception-mode BRIDGE: here it is REDIRECT or TPROXY/,
    );
    assert.throws(() => pilotAgentWords(['istio-iptables', '-i', '10.0.0.0/99']), /10\.0\.0\.0\/99/);
  });
});
