// Rules of PeerAuthentication and RequestAuthentication (istio pkg/config/validation/validation.go).

import type { PeerAuthenticationSpec } from '../model/peer-authentication.ts';
import type { JwtRule, RequestAuthenticationSpec } from '../model/request-authentication.ts';
import { type Path, shown } from '../problem.ts';
import { checkSelectorLabels, checkTargets, type Context } from './rules.ts';

export function validatePeerAuthentication(context: Context, spec: PeerAuthenticationSpec, path: Path): void {
  if (spec.selector !== undefined)
    checkSelectorLabels(context, spec.selector.matchLabels, [...path, 'selector', 'matchLabels']);
  const ports = Object.keys(spec.portLevelMtls ?? {});
  const say = (reason: string, ...at: string[]): void =>
    context.problems.say('TS-CFG-0331', [...path, ...at], { reason });
  if (ports.length > 0 && Object.keys(spec.selector?.matchLabels ?? {}).length === 0)
    say('portLevelMtls needs a selector', 'portLevelMtls');
  for (const port of ports) {
    if (!/^\d{1,5}$/.test(port) || Number(port) < 1 || Number(port) > 65_535)
      say(`${shown(port)} is no port: 1 to 65535`, 'portLevelMtls', port);
  }
}

export function validateRequestAuthentication(context: Context, spec: RequestAuthenticationSpec, path: Path): void {
  checkTargets(context, spec, path);
  for (const [i, rule] of (spec.jwtRules ?? []).entries()) checkJwtRule(context, rule, [...path, 'jwtRules', i]);
}

function checkJwtRule(context: Context, rule: JwtRule, path: Path): void {
  const say = (reason: string, ...at: (string | number)[]): void =>
    context.problems.say('TS-CFG-0332', [...path, ...at], { reason });
  if ((rule.issuer ?? '') === '' && (rule.jwksUri ?? '') === '') say('issuer or jwksUri is required');
  for (const field of ['audiences', 'fromParams', 'fromCookies'] as const) {
    for (const [i, value] of (rule[field] ?? []).entries()) if (value === '') say('the value is empty', field, i);
  }
  const uri = rule.jwksUri;
  if (uri !== undefined && !(URL.canParse(uri) && /^https?:$/.test(new URL(uri).protocol)))
    say(`${shown(uri)} is no http or https address`, 'jwksUri');
  if (rule.jwks !== undefined) checkJwks(rule.jwks, (reason) => say(reason, 'jwks'));
}

function checkJwks(text: string, say: (reason: string) => void): void {
  try {
    const keys = (JSON.parse(text) as { keys?: unknown } | null)?.keys;
    if (!Array.isArray(keys)) return say('it is no JSON Web Key Set');
    if (keys.some((key) => typeof key === 'object' && key !== null && ('d' in key || 'k' in key)))
      say('it holds private keys; give the public ones only');
  } catch {
    say('it is not JSON');
  }
}
