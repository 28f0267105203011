import assert from 'node:assert/strict';
import { test } from 'node:test';
import { addressCommands, redirectRules } from './redirect-rules.ts';

const lines = (text: string): readonly string[] => text.split('\n').map((line) => line.trim());
const output = (text: string): readonly string[] => {
  const all = lines(text);
  const from = all.indexOf('chain istio_output {');
  return all.slice(from + 2, all.indexOf('}', from));
};

test('what the application sends goes to the proxy, but not what stays at home or comes from the proxy', () => {
  assert.deepEqual(output(redirectRules({ address: '198.18.255.1', link: undefined })), [
    'ip saddr 127.0.0.6 return',
    'udp dport 53 redirect to :15053',
    'tcp dport 53 redirect to :15053',
    'ip daddr { 127.0.0.0/8, 198.18.255.1 } return',
    'meta l4proto tcp redirect to :15001',
  ]);
});

test('DNS is captured before loopback is let through: resolvers often listen there', () => {
  const rules = output(redirectRules({ address: '198.18.255.1', link: undefined }));
  assert.ok(
    rules.findIndex((rule) => rule.includes(':15053')) < rules.findIndex((rule) => rule.includes('127.0.0.0/8')),
  );
});

test('without a link nothing is captured that comes in; with one, all TCP is', () => {
  assert.ok(!redirectRules({ address: '198.18.255.1', link: undefined }).includes('15006'));
  const rules = lines(redirectRules({ address: '198.18.0.3', link: 'eth0' }));
  assert.ok(rules.includes('iifname "eth0" meta l4proto tcp redirect to :15006'));
  assert.ok(rules.includes('iifname "eth0" meta l4proto != { tcp, icmp } drop'));
});

test('what no proxy can take is refused', () => {
  assert.ok(
    lines(redirectRules({ address: '198.18.255.1', link: undefined })).includes(
      'reject with icmp type admin-prohibited',
    ),
  );
});

test('nothing but addresses and link names becomes part of a command', () => {
  assert.throws(() => redirectRules({ address: '1.2.3.4; flush ruleset', link: undefined }), RangeError);
  assert.throws(() => redirectRules({ address: '1.2.3.4', link: 'a" accept' }), RangeError);
  assert.throws(() => addressCommands({ address: '1.2.3.4\nlink del x', link: undefined }), RangeError);
});
