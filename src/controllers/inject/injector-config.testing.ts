// An injector as an installation without settings of its own has it.
import { DEFAULT_PROXY, type InjectorConfig } from './injector-config.ts';

export const INJECTOR_CONFIG: InjectorConfig = {
  policy: 'enabled',
  revision: 'default',
  namespace: 'istio-system',
  discoveryAddress: 'istiod.istio-system.svc:15012',
  rewriteAppHTTPProbe: true,
  nativeSidecars: true,
  cni: false,
  alwaysInjectSelector: [],
  neverInjectSelector: [],
  injectedAnnotations: {},
  proxy: { ...DEFAULT_PROXY, image: 'hub/topsail:1' },
};
