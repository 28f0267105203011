// The Envoy that tests run is the one that `--data-plane envoy` finds.
export { findEnvoy } from '../../../src/main/find-envoy.ts';
