// Where a cluster carries whatever the client speaks, the chain picks the names offered in the mesh's TLS (design §3e).

import { FilterStateValue_SharedWithUpstream } from '#proto/envoy/extensions/filters/common/set_filter_state/v3/value_pb.ts';
import { ConfigSchema } from '#proto/envoy/extensions/filters/http/set_filter_state/v3/set_filter_state_pb.ts';
import { typed } from '../encode.ts';
import { CLIENT_ALPN } from '../tls-contexts.ts';

export function upstreamAlpn(protocol: 'http1' | 'http2') {
  return typed('envoy.filters.http.set_filter_state', ConfigSchema, {
    onRequestHeaders: [
      {
        key: { case: 'objectKey', value: 'envoy.network.application_protocols' },
        value: {
          case: 'formatString',
          value: {
            format: {
              case: 'textFormatSource',
              value: { specifier: { case: 'inlineString', value: CLIENT_ALPN[protocol].join(',') } },
            },
          },
        },
        sharedWithUpstream: FilterStateValue_SharedWithUpstream.ONCE,
      },
    ],
  });
}
