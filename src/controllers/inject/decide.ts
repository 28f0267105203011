// Whether a pod gets a proxy: Istio's rules in Istio's order, with the reason in words.
import type { Pod } from '../kube/pod.ts';
import { type InjectorConfig, selects } from './injector-config.ts';

export interface Decision {
  readonly inject: boolean;
  readonly reason: string;
}

const INJECT = 'sidecar.istio.io/inject';
const NEVER = new Set(['kube-system', 'kube-public', 'kube-node-lease', 'local-path-storage']);

export function decideInjection(pod: Pod, namespace: string, config: InjectorConfig): Decision {
  if (pod.spec.hostNetwork === true) return no("the pod is on the host's network");
  if (NEVER.has(namespace)) return no(`namespace ${namespace} is never injected`);
  const labels = pod.metadata.labels ?? {};
  const annotations = pod.metadata.annotations ?? {};
  const asked = labels[INJECT] ?? annotations[INJECT];
  if (asked !== undefined && asked !== '') {
    const yes = /^(true|yes|y|on|enabled)$/i.test(asked);
    return yes ? { inject: true, reason: `${INJECT} is ${asked}` } : no(`${INJECT} is ${asked}`);
  }
  for (const selector of config.neverInjectSelector)
    if (selects(selector, labels)) return no('a neverInjectSelector selects it');
  for (const selector of config.alwaysInjectSelector)
    if (selects(selector, labels)) return { inject: true, reason: 'an alwaysInjectSelector selects it' };
  return config.policy === 'enabled' ? { inject: true, reason: 'the policy is enabled' } : no('the policy is disabled');
}

function no(reason: string): Decision {
  return { inject: false, reason };
}
