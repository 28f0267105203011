export { ACCESS_LOG_PATH, accessLogMethod, type LogSide } from './access-log.ts';
export { envoyBootstrap, type EnvoyBootstrapFacts } from './bootstrap.ts';
export { RELAYED_PATH, RELAYED_PATHS, XdsRelay } from './xds-relay.ts';
