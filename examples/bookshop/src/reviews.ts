// reviews: v1 shows words only, v2 adds black stars, v3 red ones; the stars come from ratings.
import { call, json, serve, version } from './service.ts';

const STAR_COLOUR: Readonly<Record<string, string>> = { v2: 'black', v3: 'red' };
const REVIEWS = [
  {
    reviewer: 'Ada M.',
    text: 'A man, a small boat and three years of weather. The calmest book about danger that I know.',
  },
  { reviewer: 'Joshua S.', text: 'The carpet tacks on deck alone are worth the price. Could do with more charts.' },
];

serve('reviews', async ({ url, headers }) => {
  const found = /^\/reviews\/(\d+)$/.exec(url.pathname);
  if (found === null) return undefined;
  const colour = STAR_COLOUR[version];
  if (colour === undefined) return json({ id: Number(found[1]), servedBy: `reviews ${version}`, reviews: REVIEWS });
  const answer = await call('ratings', `/ratings/${found[1]}`, headers);
  const stars = (answer.body as { ratings?: Record<string, number> } | undefined)?.ratings;
  const servedBy = (answer.body as { servedBy?: string } | undefined)?.servedBy ?? '';
  return json({
    id: Number(found[1]),
    servedBy: `reviews ${version}`,
    colour,
    ratings: { servedBy, tookMs: answer.tookMs, error: answer.error },
    reviews: REVIEWS.map((r) => ({ ...r, ...(stars?.[r.reviewer] === undefined ? {} : { stars: stars[r.reviewer] }) })),
  });
});
