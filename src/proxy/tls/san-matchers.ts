// Names that a peer's certificate must carry, as a validation context says them.

import type { SanMatcher } from '#identity';
import type { CertificateValidationContext } from '#proto/envoy/extensions/transport_sockets/tls/v3/common_pb.ts';
import type { StringMatcher } from '#proto/envoy/type/matcher/v3/string_pb.ts';
import { ConfigError } from '../errors.ts';
import { compileRegex } from '../matcher/regex.ts';

/** By the numbers of SubjectAltNameMatcher.SanType. */
const SAN_TYPES: readonly (SanMatcher['san'] | undefined)[] = [undefined, 'email', 'dns', 'uri', 'ip', undefined];

export function readSanMatchers(
  validation: CertificateValidationContext | undefined,
  field: string,
): readonly SanMatcher[] {
  if (validation === undefined) return [];
  const typed = validation.matchTypedSubjectAltNames.map((matcher, i): SanMatcher => {
    const san = SAN_TYPES[matcher.sanType];
    if (san === undefined || matcher.matcher === undefined)
      throw new ConfigError(
        'proxy.unsupported',
        `${field}.match_typed_subject_alt_names[${i}]`,
        'give san_type EMAIL, DNS, URI or IP_ADDRESS, and a matcher',
      );
    return { san, how: readHow(matcher.matcher, field) };
  });
  return [
    ...typed,
    ...validation.matchSubjectAltNames.map((matcher): SanMatcher => ({ san: 'any', how: readHow(matcher, field) })),
  ];
}

function readHow(matcher: StringMatcher, field: string): SanMatcher['how'] {
  const pattern = matcher.matchPattern;
  switch (pattern.case) {
    case 'exact':
    case 'prefix':
    case 'suffix':
    case 'contains':
      return { kind: pattern.case, value: pattern.value, ignoreCase: matcher.ignoreCase };
    case 'safeRegex': {
      const regex = compileRegex(pattern.value.regex, field);
      return { kind: 'pattern', text: pattern.value.regex, test: (name) => regex.matches(name) };
    }
    default:
      throw new ConfigError('proxy.field-required', `${field}.matcher`);
  }
}
