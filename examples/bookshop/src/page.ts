// The product page as HTML: one string, no script or style from elsewhere.
import { CSS, SCRIPT } from './page-style.ts';

export interface Details {
  readonly servedBy: string;
  readonly title: string;
  readonly author: string;
  readonly year: number;
  readonly type: string;
  readonly pages: number;
  readonly publisher: string;
  readonly language: string;
}

export interface Reviews {
  readonly servedBy: string;
  readonly colour?: string;
  readonly ratings?: { readonly servedBy: string; readonly tookMs: number; readonly error: string };
  readonly reviews: readonly { readonly reviewer: string; readonly text: string; readonly stars?: number }[];
}

export interface Part<T> {
  readonly value: T | undefined;
  readonly tookMs: number;
  readonly error: string;
}

export interface PageFacts {
  readonly user: string;
  readonly version: string;
  readonly details: Part<Details>;
  readonly reviews: Part<Reviews>;
}

export function page(facts: PageFacts): string {
  const { details, reviews } = facts;
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>The Bookshop</title><link rel="icon" href="data:,"><style>${CSS}</style></head><body>
<header><a class="brand" href="/productpage">${ANCHOR}<span>The Bookshop</span></a>${signIn(facts.user)}</header>
<main>
<section class="book">${COVER}<div>${bookText(details)}</div></section>
<section class="reviews"><h2>Reviews ${chip(reviews.value?.servedBy ?? 'reviews')}</h2>${reviewList(reviews)}</section>
<section class="served"><h2>Who answered</h2>
<table><tbody>${servedRows(facts)}</tbody></table>
<div class="watch"><label><input type="checkbox" id="watch"> Ask reviews four times a second</label>
<span id="tally"></span><div id="dots" aria-label="versions of reviews that answered, newest right"></div></div>
</section>
</main><footer>Each part of this page comes from another service, through the mesh. Change a route, reload, and watch.</footer>
<script>${SCRIPT}</script></body></html>
`;
}

function bookText(details: Part<Details>): string {
  const d = details.value;
  if (d === undefined) return `<h1>A book</h1>${trouble('details', details.error)}`;
  return `<h1>${escape(d.title)}</h1><p class="by">${escape(d.author)}, ${d.year}</p>
<p>In 1895 a retired captain set out from Boston in an oyster boat that he had rebuilt himself. Three years and 46,000 miles later he was the first to have sailed around the world alone.</p>
<dl><dt>Type</dt><dd>${escape(d.type)}</dd><dt>Pages</dt><dd>${d.pages}</dd><dt>Publisher</dt><dd>${escape(d.publisher)}</dd><dt>Language</dt><dd>${escape(d.language)}</dd></dl>
${chip(d.servedBy)}`;
}

function reviewList(reviews: Part<Reviews>): string {
  const r = reviews.value;
  if (r === undefined) return trouble('reviews', reviews.error);
  const missing = r.colour !== undefined && r.ratings?.error ? trouble('ratings', r.ratings.error) : '';
  return (
    missing +
    r.reviews
      .map((one) => {
        const stars =
          one.stars === undefined
            ? ''
            : `<span class="stars ${escape(r.colour ?? '')}" title="${one.stars} of 5">${'★'.repeat(one.stars)}<i>${'★'.repeat(5 - one.stars)}</i></span>`;
        return `<blockquote><p>${escape(one.text)}</p><footer>${escape(one.reviewer)} ${stars}</footer></blockquote>`;
      })
      .join('')
  );
}

function servedRows({ version, details, reviews }: PageFacts): string {
  const rows: [string, string, string][] = [['productpage', `productpage ${version}`, '']];
  rows.push(['details', details.value?.servedBy ?? details.error, `${details.tookMs} ms`]);
  rows.push(['reviews', reviews.value?.servedBy ?? reviews.error, `${reviews.tookMs} ms`]);
  const ratings = reviews.value?.ratings;
  if (ratings === undefined) rows.push(['ratings', 'not asked', '']);
  else rows.push(['ratings', ratings.servedBy || ratings.error, `${ratings.tookMs} ms`]);
  return rows
    .map(([name, by, took]) => `<tr><th>${name}</th><td>${chip(by)}</td><td class="ms">${took}</td></tr>`)
    .join('');
}

function chip(servedBy: string): string {
  const version = /\b(v\d)$/.exec(servedBy)?.[1] ?? 'none';
  return `<span class="chip ${version}">${escape(servedBy)}</span>`;
}

function trouble(service: string, error: string): string {
  return `<p class="trouble"><b>${escape(service)} is not available.</b> ${escape(error)}</p>`;
}

function signIn(user: string): string {
  if (user !== '') return `<div class="who">Signed in as <b>${escape(user)}</b> <a href="/logout">Sign out</a></div>`;
  return '<form class="who" method="post" action="/login"><input name="name" placeholder="any name, e.g. jason" pattern="[A-Za-z0-9_.\\-]{1,32}" aria-label="name" required><button>Sign in</button></form>';
}

function escape(text: string): string {
  return text.replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);
}

const ANCHOR =
  '<svg viewBox="0 0 24 24" width="26" height="26" aria-hidden="true"><path d="M12 2v19M4 20h16M12 3l7 13H12M12 6L6 16h6" fill="none" stroke="currentColor" stroke-width="1.7" stroke-linejoin="round" stroke-linecap="round"/></svg>';

const COVER = `<svg class="cover" viewBox="0 0 200 290" role="img" aria-label="Cover: a small boat under a large moon">
<defs><linearGradient id="sky" x1="0" y1="0" x2="0" y2="1"><stop offset="0" stop-color="#12284c"/><stop offset="1" stop-color="#e08e5b"/></linearGradient></defs>
<rect width="200" height="290" rx="4" fill="url(#sky)"/><circle cx="142" cy="92" r="34" fill="#f6e3b8"/>
<path d="M0 206 Q50 194 100 206 T200 206 V290 H0Z" fill="#1c4462"/><path d="M0 226 Q50 214 100 226 T200 226 V290 H0Z" fill="#153650"/><path d="M0 250 Q50 240 100 250 T200 250 V290 H0Z" fill="#0e273d"/>
<path d="M84 118V198" stroke="#2b1c12" stroke-width="3"/><path d="M87 122 L132 190 H87Z" fill="#fbf4e4"/><path d="M81 132 L50 190 H81Z" fill="#efe2c6"/><path d="M44 196 H136 L122 216 H60Z" fill="#7d3b21"/>
<text x="100" y="38" text-anchor="middle" font-family="Georgia, serif" font-size="19" fill="#fbf4e4">Sailing Alone</text><text x="100" y="57" text-anchor="middle" font-family="Georgia, serif" font-size="11" fill="#fbf4e4">AROUND THE WORLD</text>
<text x="100" y="276" text-anchor="middle" font-family="Georgia, serif" font-size="11" letter-spacing="2" fill="#fbf4e4">JOSHUA SLOCUM</text></svg>`;
