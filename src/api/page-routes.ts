// Serves the built dashboard: its files under their hashed names, and its one document at every address of a screen.
// Strict: nothing from elsewhere, no inline script or style, not framed.
import type { HttpAnswer, HttpRoute } from '#base';

/** Addresses at which the document is served; ':x' stands for one part. The dashboard's router knows the same. */
export const SCREEN_PATHS: readonly string[] = [
  '/',
  '/graph',
  '/workloads',
  '/workloads/:namespace/:name',
  '/services/:namespace/:name',
  '/config',
  '/config/new',
  '/config/:kind/:namespace/:name',
  '/wizard/:what',
  '/security',
  '/tap',
  '/traces',
  '/traces/:id',
  '/explain',
  '/explain/:id',
  '/what-if',
];

const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "worker-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

const TYPES: Readonly<Record<string, string>> = {
  html: 'text/html; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  css: 'text/css; charset=utf-8',
  svg: 'image/svg+xml',
  json: 'application/json',
};

/** `files` by path below the dashboard's folder; no files, no routes: then the plain page answers. */
export function pageRoutes(files: ReadonlyMap<string, string>): readonly HttpRoute[] {
  const document = files.get('index.html');
  if (document === undefined) return [];
  const screens = SCREEN_PATHS.map(
    (path): HttpRoute => ({ method: 'GET', path, answer: () => fileAnswer('index.html', document, 'no-store') }),
  );
  const assets = [...files]
    .filter(([name]) => name !== 'index.html')
    .map(([name, body]): HttpRoute => {
      // Names carry a hash of what is in them.
      const answer = fileAnswer(name, body, 'public, max-age=31536000, immutable');
      return { method: 'GET', path: `/${name}`, answer: () => answer };
    });
  return [...assets, ...screens];
}

function fileAnswer(name: string, body: string, caching: string): HttpAnswer {
  return {
    type: TYPES[name.slice(name.lastIndexOf('.') + 1)] ?? 'application/octet-stream',
    headers: {
      'content-security-policy': POLICY,
      'cache-control': caching,
      'referrer-policy': 'no-referrer',
      'cross-origin-opener-policy': 'same-origin',
      'cross-origin-resource-policy': 'same-origin',
    },
    body,
  };
}
