// productpage: the page that people see; asks details and reviews at the same time.
import { page, type Details, type Reviews } from './page.ts';
import { type Answer, type Asked, call, json, serve, version } from './service.ts';

const COOKIE = 'bookshop-user';
const NAME = /^[A-Za-z0-9_.-]{1,32}$/;

serve('productpage', async (asked) => {
  const path = asked.url.pathname;
  if (path === '/') return redirect('/productpage');
  if (path === '/login' && asked.method === 'POST') return login(await asked.body());
  if (path === '/logout') return redirect('/productpage', `${COOKIE}=; Path=/; Max-Age=0; SameSite=Lax`);
  const user = userOf(asked);
  const headers = { ...asked.headers, ...(user === '' ? {} : { 'end-user': user }) };
  if (path === '/productpage') {
    const [details, reviews] = await Promise.all([
      call('details', '/details/0', headers),
      call('reviews', '/reviews/0', headers),
    ]);
    return { body: page({ user, version, details: asPart<Details>(details), reviews: asPart<Reviews>(reviews) }) };
  }
  if (path === '/api/v1/products') return json([{ id: 0, title: 'Sailing Alone Around the World' }]);
  const part = /^\/api\/v1\/products\/0(?:\/(reviews|ratings))?$/.exec(path);
  if (part === null) return undefined;
  const service = part[1] ?? 'details';
  const answer = await call(service, `/${service}/0`, headers);
  return answer.status === 200 ? json(answer.body) : json({ error: answer.error }, answer.status || 503);
});

function asPart<T>(answer: { status: number; body: unknown; tookMs: number; error: string }): {
  value: T | undefined;
  tookMs: number;
  error: string;
} {
  return { value: answer.status === 200 ? (answer.body as T) : undefined, tookMs: answer.tookMs, error: answer.error };
}

function userOf(asked: Asked): string {
  const given =
    asked.headers['end-user'] ?? new RegExp(`(?:^|; )${COOKIE}=([^;]*)`).exec(asked.headers['cookie'] ?? '')?.[1] ?? '';
  return NAME.test(given) ? given : '';
}

function login(form: string): Answer {
  const name = new URLSearchParams(form).get('name') ?? '';
  return redirect('/productpage', NAME.test(name) ? `${COOKIE}=${name}; Path=/; HttpOnly; SameSite=Lax` : undefined);
}

function redirect(location: string, cookie?: string): Answer {
  return { status: 302, headers: { location, ...(cookie === undefined ? {} : { 'set-cookie': cookie }) }, body: '' };
}
