// Has a certificate request signed by the control plane (istio.v1.auth.IstioCertificateService) over a gRPC channel.
// Both messages are written and read by hand: no protobuf runtime in a sidecar for two fields.
import { err, ok } from '#base';
import { CREATE_CERTIFICATE_PATH, type SignCsr } from '#identity';
import { ProtoReader, ProtoWriter, writeStruct } from '#proto/light.ts';
import type { GrpcChannel, Metadata } from '#wire/grpc';

const TIMEOUT_MS = 10_000;
const FIELD = { csr: 1, validityDuration: 3, metadata: 4, certChain: 1 } as const;

/**
 * `token` is asked for at each signing, alone or as the call's metadata; undefined when none can be had: then the present
 * certificate must do.
 * `certSigner`: the signer of the cluster that the workload wants (ISTIO_META_CERT_SIGNER); '' leaves it to the control plane.
 */
export function makeSignCsr(
  channel: GrpcChannel,
  token: () => Promise<string | Metadata | undefined>,
  certSigner = '',
): SignCsr {
  return async (csrPem, ttlMs) => {
    const shown = await token();
    const writer = new ProtoWriter(1024)
      .stringField(FIELD.csr, csrPem)
      .tag(FIELD.validityDuration, 0)
      .varint64(BigInt(Math.round(ttlMs / 1000)));
    if (certSigner !== '') writer.message(FIELD.metadata, (inner) => writeStruct(inner, { CertSigner: certSigner }));
    const request = writer.finish();
    const answer = await channel.callUnary(CREATE_CERTIFICATE_PATH, request, {
      timeoutMs: TIMEOUT_MS,
      waitForReady: true,
      ...(shown === undefined
        ? {}
        : { metadata: typeof shown === 'string' ? { authorization: `Bearer ${shown}` } : shown }),
    });
    if (!answer.ok) return err({ message: answer.status.message });
    const chain: string[] = [];
    const reader = new ProtoReader(answer.message);
    while (reader.next()) {
      if (reader.field === FIELD.certChain) chain.push(reader.string());
      else reader.skip();
    }
    return ok(chain);
  };
}
