// How a page gets the right to write: a code that works once and for a short while, made for whoever holds the
// token (`topsail dashboard` prints it in a link), is exchanged for the token. Links in histories are worth nothing.
import { type Clock, type HttpRoute, jsonAnswer, type Random } from '#base';

const CODE_LIFE_MS = 10 * 60_000;
const CODES_MAX = 64;

export interface SignInOptions {
  readonly clock: Clock;
  readonly random: Pick<Random, 'uuid'>;
  readonly token: string;
}

export function signInRoutes({ clock, random, token }: SignInOptions): readonly HttpRoute[] {
  const codes = new Map<string, number>();
  const make = (): string => {
    for (const [code, endMs] of codes) if (endMs < clock.now() || codes.size >= CODES_MAX) codes.delete(code);
    const code = random.uuid();
    codes.set(code, clock.now() + CODE_LIFE_MS);
    return code;
  };
  const take = (code: string): boolean => {
    const endMs = codes.get(code);
    codes.delete(code);
    return endMs !== undefined && endMs >= clock.now();
  };
  return [
    { method: 'POST', path: '/api/v1/sign-in/code', write: true, answer: () => jsonAnswer({ code: make() }) },
    {
      method: 'POST',
      path: '/api/v1/sign-in',
      answer: ({ body }) => {
        const { code } = JSON.parse(body) as { code?: unknown };
        if (typeof code === 'string' && take(code)) return jsonAnswer({ token });
        return jsonAnswer(
          { error: 'this link was used already, or is older than ten minutes: run "topsail dashboard" again' },
          401,
        );
      },
    },
    { method: 'GET', path: '/api/v1/sign-in', write: true, answer: () => jsonAnswer({ signedIn: true }) },
  ];
}
