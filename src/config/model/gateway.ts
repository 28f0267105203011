// Gateway (networking.istio.io): which ports, hosts and certificates a gateway serves (networking/v1alpha3/gateway.proto).

import { count, described, flag, list, message, names, type Spec, text, textDict, textList } from './schema.ts';

export const ServerPortSchema = message(
  'A port to listen on.',
  {
    number: count('The port.', { maximum: 65_535 }),
    protocol: text('HTTP, HTTPS, GRPC, GRPC-WEB, HTTP2, MONGO, REDIS, MYSQL, TCP or TLS.'),
    name: text('Its name.'),
    targetPort: count('Never in force.', { deprecated: 'leave it out' }),
  },
  { required: ['number', 'protocol', 'name'] },
);
export type ServerPort = Spec<typeof ServerPortSchema>;

const tlsVersions = ['TLS_AUTO', 'TLSV1_0', 'TLSV1_1', 'TLSV1_2', 'TLSV1_3'] as const;
const TlsCertificateSchema = message('One certificate from files.', {
  serverCertificate: text('File with the certificate chain.'),
  privateKey: text('File with the private key.'),
  caCertificates: text('File with the CAs for client certificates.'),
});

export const ServerTlsSchema = message(
  'TLS of a server.',
  {
    httpsRedirect: flag('Answers plain HTTP with a redirect to https.', { default: false }),
    mode: names(
      'How TLS ends here.',
      ['PASSTHROUGH', 'SIMPLE', 'MUTUAL', 'AUTO_PASSTHROUGH', 'ISTIO_MUTUAL', 'OPTIONAL_MUTUAL'] as const,
      { default: 'PASSTHROUGH' },
    ),
    serverCertificate: text('File with the certificate chain.'),
    privateKey: text('File with the private key.'),
    caCertificates: text('File with the CAs for client certificates.'),
    caCrl: text('File with the revocation list.'),
    credentialName: text('Secret with certificate and key (and CA for MUTUAL).'),
    credentialNames: textList('One or two secrets (RSA and ECDSA).', { minItems: 1, maxItems: 2 }),
    caCertCredentialName: text('Secret with the CA for client certificates.'),
    tlsCertificates: list('One or two certificates from files.', TlsCertificateSchema, { minItems: 1, maxItems: 2 }),
    subjectAltNames: textList('Names, one of which the client’s certificate must have.'),
    verifyCertificateSpki: textList('SHA-256 of public keys of clients, base64.'),
    verifyCertificateHash: textList('SHA-256 of certificates of clients, hexadecimal.'),
    minProtocolVersion: names('Oldest TLS version.', tlsVersions, { defaultText: 'TLSV1_2' }),
    maxProtocolVersion: names('Newest TLS version.', tlsVersions, { defaultText: 'TLSV1_3' }),
    cipherSuites: textList('Cipher suites for TLS up to 1.2.'),
    ecdhCurves: textList('Curves of the key exchange.'),
    insecureSkipVerify: flag('Does not verify client certificates.', { default: false }),
  },
  { choices: [{ fields: ['credentialName', 'credentialNames', 'tlsCertificates'] }] },
);
export type ServerTls = Spec<typeof ServerTlsSchema>;

const ServerSchema = message(
  'One listening port with its hosts.',
  {
    port: ServerPortSchema,
    bind: text('Address or Unix socket to listen on.', { defaultText: 'every address' }),
    hosts: textList('Hosts served, `[namespace/]host`.', { minItems: 1 }),
    tls: ServerTlsSchema,
    defaultEndpoint: text('Never in force.', { deprecated: 'leave it out' }),
    name: text('Its name in statistics; unique.'),
  },
  { required: ['port', 'hosts'] },
);
export type GatewayServer = Spec<typeof ServerSchema>;

export const GatewaySchema = message(
  'Opens ports of a gateway at the edge of the mesh.',
  {
    servers: list('Listening ports.', described('One listening port.', ServerSchema), { minItems: 1 }),
    selector: textDict('Labels of the gateway’s workloads; empty: every gateway.'),
  },
  { required: ['servers'] },
);
export type GatewaySpec = Spec<typeof GatewaySchema>;
