// ratings: stars per reviewer.
import { json, serve, version } from './service.ts';

const STARS: Readonly<Record<string, number>> = { 'Ada M.': 5, 'Joshua S.': 4 };

serve('ratings', ({ url }) => {
  const found = /^\/ratings\/(\d+)$/.exec(url.pathname);
  return found === null ? undefined : json({ id: Number(found[1]), servedBy: `ratings ${version}`, ratings: STARS });
});
