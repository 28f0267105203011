// TlsParameters in Node's terms. Below TLS 1.2 nothing is offered.

import type { TlsContext } from '#base';
import type { TlsParameters } from '#proto/envoy/extensions/transport_sockets/tls/v3/common_pb.ts';

/** Numbers of TlsParameters.TlsProtocol: 0 auto, 1 TLS 1.0, 2 1.1, 3 1.2, 4 1.3. */
export function protocolVersion(
  number: number | undefined,
  fallback: TlsContext['minVersion'],
): TlsContext['minVersion'] {
  if (number === undefined || number === 0) return fallback;
  return number === 4 ? 'TLSv1.3' : 'TLSv1.2';
}

export function cipherList(parameters: TlsParameters | undefined): Pick<TlsContext, 'ciphers' | 'curves'> {
  // Envoy's groups "[A|B]" have no counterpart: their members are offered in order. TLS 1.3 suites are fixed, as in Envoy.
  const ciphers = (parameters?.cipherSuites ?? []).flatMap((suite) => suite.replace(/[[\]]/g, '').split('|'));
  const curves = parameters?.ecdhCurves ?? [];
  return {
    ...(ciphers.length === 0
      ? {}
      : {
          ciphers: [
            'TLS_AES_128_GCM_SHA256',
            'TLS_AES_256_GCM_SHA384',
            'TLS_CHACHA20_POLY1305_SHA256',
            ...ciphers,
          ].join(':'),
        }),
    ...(curves.length === 0 ? {} : { curves: curves.join(':') }),
  };
}
