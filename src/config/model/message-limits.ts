// MessageLimits (topsail.io): how large a message may be that a workload or gateway takes: heads both ways, and request bodies.

import { count, integer, message, type Spec, words } from './schema.ts';
import { targetChoice, targetFields } from './shared.ts';

/** Both data planes count heads in KiB (Envoy's max_request_headers_kb); a larger head than 1 MiB is nobody's. */
const HEAD_KIB_MAX = 1024;
const HEADERS_MAX = 10_000;

const heads = (whose: string, kib: string, fields: string) =>
  message(`The ${whose} and its headers.`, {
    maxKiB: integer('Largest head, in KiB: names and values together.', {
      minimum: 1,
      maximum: HEAD_KIB_MAX,
      defaultText: `${kib}, or what the namespace or the mesh says`,
    }),
    maxCount: integer('Most headers.', {
      minimum: 1,
      maximum: HEADERS_MAX,
      defaultText: `${fields}, or what the namespace or the mesh says`,
    }),
  });

export const MessageLimitsSchema = message(
  'Says how large requests and responses may be that workloads and gateways take.',
  {
    ...targetFields,
    request: message('Of requests: larger ones are answered with 431 (head) and 413 (body).', {
      headers: heads('request line', '60', '100'),
      body: message(
        'The body. A narrower object replaces it as a whole.',
        {
          maxBytes: count('Largest body, in bytes.', { minimum: 1 }),
          mode: words(
            'STREAMED: counted while it goes on, a longer one is cut where the limit is. BUFFERED: collected first, so that nothing of a longer one reaches the application.',
            ['STREAMED', 'BUFFERED'] as const,
            { default: 'STREAMED' },
          ),
        },
        { required: ['maxBytes'] },
      ),
    }),
    response: message('Of responses: larger ones become a 502.', {
      headers: heads('status line', '60', '100'),
    }),
  },
  { choices: [targetChoice] },
);
export type MessageLimitsSpec = Spec<typeof MessageLimitsSchema>;
