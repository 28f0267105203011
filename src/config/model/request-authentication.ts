// RequestAuthentication (security.istio.io): which tokens are checked, and how (security/v1beta1/request_authentication.proto).

import { described, duration, flag, list, message, names, type Spec, text, textList } from './schema.ts';
import { targetChoice, targetFields } from './shared.ts';

export const JwtRuleSchema = message(
  'One issuer whose tokens are checked.',
  {
    issuer: text('The token’s `iss`.', { minLength: 1 }),
    audiences: textList('Accepted `aud`; none: the service’s name.'),
    jwksUri: text('Where its keys are.', {
      maxLength: 2048,
      defaultText: 'OpenID discovery at the issuer',
      alias: 'jwks_uri',
    }),
    jwks: text('Its keys, inline.'),
    fromHeaders: list(
      'Headers where the token may be.',
      message(
        'One header.',
        { name: text('Header.', { minLength: 1 }), prefix: text('Text before the token.') },
        { required: ['name'] },
      ),
    ),
    fromParams: textList('Query parameters where the token may be.'),
    fromCookies: textList('Cookies where the token may be.'),
    outputPayloadToHeader: text('Header that carries the payload onward.'),
    forwardOriginalToken: flag('Keeps the token in the request.', { default: false }),
    outputClaimToHeaders: list(
      'Claims that are copied to headers.',
      message(
        'One claim.',
        {
          header: text('Header.', { minLength: 1, pattern: '^[-_A-Za-z0-9]+$' }),
          claim: text('Claim.', { minLength: 1 }),
        },
        { required: ['header', 'claim'] },
      ),
    ),
    timeout: duration('Limit of fetching keys.', { default: '5s' }),
    spaceDelimitedClaims: textList('Claims that are lists parted by spaces, beside scope and permission.', {
      maxItems: 64,
    }),
    presence: names('REQUIRED answers 401 to requests without a token.', ['OPTIONAL', 'REQUIRED'] as const, {
      default: 'OPTIONAL',
    }),
  },
  { choices: [{ fields: ['jwksUri', 'jwks'] }] },
);
export type JwtRule = Spec<typeof JwtRuleSchema>;

export const RequestAuthenticationSchema = message(
  'Checks tokens: a bad one is refused, a good one’s claims are there for policies.',
  { ...targetFields, jwtRules: described('Issuers.', list('Issuers.', JwtRuleSchema, { maxItems: 4096 })) },
  { choices: [targetChoice] },
);
export type RequestAuthenticationSpec = Spec<typeof RequestAuthenticationSchema>;
