// details: what is printed on a book's first pages.
import { json, serve, version } from './service.ts';

serve('details', ({ url }) => {
  const found = /^\/details\/(\d+)$/.exec(url.pathname);
  if (found === null) return undefined;
  return json({
    id: Number(found[1]),
    servedBy: `details ${version}`,
    title: 'Sailing Alone Around the World',
    author: 'Joshua Slocum',
    year: 1900,
    type: 'paperback',
    pages: 294,
    publisher: 'The Century Company',
    language: 'English',
  });
});
