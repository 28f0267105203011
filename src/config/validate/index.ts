// Istio's rules beyond the schemas.

export { covers, isDnsLabel, isFqdn, isIp, isIpOrCidr, isWildcardHost } from './rules.ts';
export { validateObject } from './validate-object.ts';
