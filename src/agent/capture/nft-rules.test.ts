import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { CapturePlan } from '#base';
import { nftRules } from './nft-rules.ts';

const plan: CapturePlan = {
  inboundPort: 15006,
  outboundPort: 15001,
  proxyUid: 1337,
  includeInboundPorts: '*',
  excludeInboundPorts: [],
  includeOutboundRanges: '*',
  excludeOutboundRanges: [],
  includeOutboundPorts: [],
  excludeOutboundPorts: [],
  excludeInterfaces: [],
  virtualInterfaces: [],
};

function chain(name: string, over: Partial<CapturePlan> = {}): string[] {
  const text = nftRules({ ...plan, ...over });
  return (new RegExp(`chain ${name} \\{\\n([^}]*(?:\\}[^}\\n][^}]*)*)\\n  \\}`).exec(text)?.[1] ?? '')
    .split('\n')
    .slice(1)
    .map((line) => line.trim());
}

describe('capture rules', () => {
  it("redirect everything that comes in but the proxy's own ports", () => {
    assert.deepEqual(chain('prerouting'), [
      'tcp dport { 15008, 15020, 15021, 15090 } return',
      'meta l4proto tcp redirect to :15006',
    ]);
  });

  it('redirect only the ports that are named', () => {
    assert.deepEqual(
      chain('prerouting', { includeInboundPorts: [8080, 80] }).at(-1),
      'tcp dport { 80, 8080 } redirect to :15006',
    );
    assert.equal(chain('prerouting', { includeInboundPorts: [] }).length, 1);
  });

  it('let the proxy out and its own calls to the application in', () => {
    const rules = chain('output');
    assert.ok(rules.indexOf('oifname "lo" ip saddr 127.0.0.6 return') < rules.indexOf('meta skuid 1337 return'));
    assert.equal(rules.at(-1), 'meta l4proto tcp redirect to :15001');
  });

  it('exclude before they include, each family by itself', () => {
    const rules = chain('output', {
      includeOutboundRanges: ['10.0.0.0/8', 'fd00::/8'],
      excludeOutboundRanges: ['10.1.0.0/16'],
    });
    assert.deepEqual(rules.slice(-3), [
      'ip daddr 10.1.0.0/16 return',
      'ip daddr 10.0.0.0/8 meta l4proto tcp redirect to :15001',
      'ip6 daddr fd00::/8 meta l4proto tcp redirect to :15001',
    ]);
  });

  it('hand over what comes in as it is, and bring answers to the proxy by its mark', () => {
    const over = { transparent: true, excludeInboundPorts: [15020] } as const;
    assert.deepEqual(chain('prerouting', over), []);
    assert.deepEqual(chain('transparent', over), [
      'iifname "lo" meta mark != 1338 return',
      'ct direction reply return',
      'tcp dport { 15008, 15020, 15021, 15090 } return',
      'meta l4proto tcp meta mark set 1337 tproxy to :15006 accept',
    ]);
    assert.deepEqual(chain('marked', over).slice(0, 2), [
      'meta l4proto tcp meta mark 1337 ct mark set 1337 return',
      'ct mark 1337 meta mark set 1337 return',
    ]);
    assert.ok(!chain('output', over).some((rule) => rule.includes('15006')));
  });

  it('send DNS to the agent when it is asked for', () => {
    assert.ok(chain('output', { dnsPort: 15053 }).includes('udp dport 53 redirect to :15053'));
    assert.ok(!nftRules(plan).includes('dport 53 '));
  });
});
