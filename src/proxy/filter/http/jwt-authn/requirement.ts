// Which tokens a request must have: providers joined by any and all, with "missing" or "failed" allowed (envoy JwtRequirement).

import type { JwtRequirement } from '#proto/envoy/extensions/filters/http/jwt_authn/v3/config_pb.ts';
import { ConfigError } from '../../../errors.ts';
import { MAX_MATCHER_DEPTH } from '../../../matcher/limits.ts';
import { type Judged, type Verdict, worse } from './judgement.ts';
import type { Provider } from './provider.ts';

export interface Requirement {
  /** Whose tokens are looked for. */
  readonly providers: readonly Provider[];
  judge(tokens: readonly Judged[]): Verdict;
}

type Judge = (tokens: readonly Judged[]) => Verdict;

export function compileRequirement(
  config: JwtRequirement | undefined,
  providers: ReadonlyMap<string, Provider>,
  field: string,
): Requirement {
  const used = new Set<Provider>();
  const judge = compile(config, field, 0);
  return { providers: [...used], judge };

  function find(name: string, at: string): Provider {
    const provider = providers.get(name);
    if (provider === undefined) throw new ConfigError('proxy.field-invalid', at, `there is no provider "${name}"`);
    used.add(provider);
    return provider;
  }

  function compile(one: JwtRequirement | undefined, at: string, depth: number): Judge {
    if (depth > MAX_MATCHER_DEPTH)
      throw new ConfigError('proxy.field-invalid', at, `nests deeper than ${MAX_MATCHER_DEPTH} levels`);
    const type = one?.requiresType;
    switch (type?.case) {
      case 'providerName': {
        const provider = find(type.value, `${at}.provider_name`);
        return (tokens) => ofProvider(tokens, provider);
      }
      case 'providerAndAudiences':
        throw new ConfigError(
          'proxy.unsupported',
          `${at}.provider_and_audiences`,
          'give the audiences with the provider',
        );
      case 'requiresAny': {
        const parts = type.value.requirements.map((part, i) => compile(part, `${at}.requires_any[${i}]`, depth + 1));
        return (tokens) => {
          let verdict: Verdict = 'missing';
          for (const part of parts) {
            const next = part(tokens);
            if (next === 'ok') return 'ok';
            verdict = worse(verdict, next);
          }
          return verdict;
        };
      }
      case 'requiresAll': {
        const parts = type.value.requirements.map((part, i) => compile(part, `${at}.requires_all[${i}]`, depth + 1));
        return (tokens) => {
          for (const part of parts) {
            const next = part(tokens);
            if (next !== 'ok') return next;
          }
          return 'ok';
        };
      }
      case 'allowMissing':
        return allGood;
      case 'allowMissingOrFailed':
        return () => 'ok';
      default:
        throw new ConfigError('proxy.field-required', `${at}.requires_type`);
    }
  }
}

/** Every token that stands where this provider's do must be its own: a good one never covers a bad one. */
function ofProvider(tokens: readonly Judged[], provider: Provider): Verdict {
  let verdict: Verdict = 'missing';
  for (const one of tokens) {
    if (one.provider !== provider) continue;
    if (one.verdict !== 'ok') return one.verdict;
    verdict = 'ok';
  }
  return verdict;
}

/** None, or each is good for one of the providers that look for it. */
function allGood(tokens: readonly Judged[]): Verdict {
  for (const one of tokens) {
    if (one.verdict === 'ok') continue;
    let best: Verdict = one.verdict;
    for (const other of tokens) {
      if (other.text !== one.text) continue;
      if (other.verdict === 'ok') {
        best = 'ok';
        break;
      }
      best = worse(best, other.verdict);
    }
    if (best !== 'ok') return best;
  }
  return 'ok';
}
