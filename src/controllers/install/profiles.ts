// Istio's built-in profiles as layers of an IstioOperator's spec.
import type { Tree } from './set-flag.ts';

export type ProfileName =
  | 'default'
  | 'demo'
  | 'minimal'
  | 'empty'
  | 'preview'
  | 'ambient'
  | 'remote'
  | 'stable'
  | 'openshift';

const SMALL = { resources: { requests: { cpu: '10m', memory: '40Mi' } } };
const INGRESS = { name: 'istio-ingressgateway', enabled: true };
const EGRESS = { name: 'istio-egressgateway', enabled: true };
const OFF = { ingressGateways: [{ ...INGRESS, enabled: false }], egressGateways: [{ ...EGRESS, enabled: false }] };

const DEFAULT: Tree = {
  components: {
    base: { enabled: true },
    pilot: { enabled: true },
    cni: { enabled: false },
    ztunnel: { enabled: false },
    ingressGateways: [INGRESS],
    egressGateways: [{ ...EGRESS, enabled: false }],
  },
};

export const PROFILES: Readonly<Record<string, Tree>> = {
  default: DEFAULT,
  demo: {
    meshConfig: { accessLogFile: '/dev/stdout' },
    components: {
      ...(DEFAULT['components'] as Tree),
      pilot: { enabled: true, k8s: { resources: { requests: { cpu: '10m', memory: '100Mi' } } } },
      ingressGateways: [{ ...INGRESS, k8s: SMALL }],
      egressGateways: [{ ...EGRESS, k8s: SMALL }],
    },
    values: { pilot: { autoscaleEnabled: false, traceSampling: 100 }, global: { proxy: SMALL } },
  },
  minimal: { components: { ...(DEFAULT['components'] as Tree), ...OFF } },
  empty: {
    components: { ...(DEFAULT['components'] as Tree), ...OFF, base: { enabled: false }, pilot: { enabled: false } },
  },
  preview: { ...DEFAULT, meshConfig: { defaultConfig: { proxyMetadata: { ISTIO_META_DNS_CAPTURE: 'true' } } } },
  ambient: {
    components: { ...(DEFAULT['components'] as Tree), ...OFF, cni: { enabled: true }, ztunnel: { enabled: true } },
    values: { pilot: { env: { PILOT_ENABLE_AMBIENT: 'true' } } },
  },
};
