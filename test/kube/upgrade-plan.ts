// What `topsail upgrade --dry-run` says of a cluster: nothing where nothing changes, else objects and each proxy's resources.
import assert from 'node:assert/strict';
import type { Cluster } from './cluster.ts';
import { mustTopsail } from './topsail.ts';

/** `flags` and `operator`: what is installed already. */
export function upgradeIsPlanned(cluster: Cluster, flags: readonly string[], operator: string): void {
  const settings = (): string =>
    cluster.kubectl(['-n', 'istio-system', 'get', 'configmap', 'istio', '-o', 'jsonpath={.data}']);
  const before = settings();
  const same = mustTopsail(cluster, ['upgrade', ...flags, '--dry-run'], operator).out;
  assert.match(same, /^Objects: 0 added, 0 changed, 0 removed, \d+ as they are$/m, same);
  assert.match(same, /^Proxies: (\d+) connected, \1 get the same configuration, 0 another one$/m, same);

  const slower = [...flags, '--set', 'meshConfig.connectTimeout=3s', '--dry-run'];
  const other = mustTopsail(cluster, ['upgrade', ...slower], operator).out;
  assert.match(other, /^Objects: 0 added, 1 changed, 0 removed/m, other);
  assert.match(other, /^ {2}~ ConfigMap istio-system\/istio$/m, other);
  assert.match(other, /^ {2}istio-ingressgateway-\S+\.istio-system: 0 added, \d+ changed, 0 removed$/m, other);
  assert.match(other, /^ {4}~ cluster outbound\|443\|\|kubernetes\.default\.svc\.cluster\.local$/m, other);
  assert.match(other, /^ {8}\.connectTimeout: "10s" -> "3s"$/m, other);
  const { proxies } = JSON.parse(mustTopsail(cluster, ['upgrade', ...slower, '-o', 'json'], operator).out) as {
    proxies: readonly { readonly changes: readonly unknown[] }[];
  };
  assert.ok(proxies.length > 0 && proxies.every(({ changes }) => changes.length > 0));
  assert.equal(settings(), before, 'a plan changes nothing');
}
