// From snapshots to xDS resources.
export { translate, translateEndpoints } from './translate.ts';
export { TranslationCache } from './cache.ts';
export { spiffeId } from './identities.ts';
export { connectCluster, inboundCluster, outboundCluster, outboundSni } from './names.ts';
export { rbacPolicy, type RuleContext } from './authz/rules.ts';
export { keySetSource } from './authn/request-authentication.ts';
