// The server side of TLS for a filter chain (DownstreamTlsContext).

import type { Conn, TlsFacts } from '#base';
import type { DownstreamTlsContext } from '#proto/envoy/extensions/transport_sockets/tls/v3/tls_pb.ts';
import { tellUnread } from '../apply/unread-fields.ts';
import { TlsMaterial, tlsWarning } from '../tls/tls-material.ts';
import type { ProxyServices } from '../services.ts';
import type { DownstreamTls } from './listener-snapshot.ts';

const HANDSHAKE_DEFAULT_MS = 15_000;

export class ChainTls implements DownstreamTls {
  readonly #material: TlsMaterial;
  readonly #requireSni: boolean;
  readonly #handshakeMs: number;

  constructor(config: DownstreamTlsContext, connectTimeoutMs: number, services: ProxyServices, field: string) {
    tellUnread('DownstreamTlsContext', config, field, tlsWarning(services));
    this.#material = new TlsMaterial(
      config.commonTlsContext,
      'client',
      config.requireClientCertificate === true,
      services,
      field,
    );
    this.#requireSni = config.requireSni === true;
    this.#handshakeMs = connectTimeoutMs > 0 ? connectTimeoutMs : HANDSHAKE_DEFAULT_MS;
  }

  get ready(): boolean {
    return this.#material.ready;
  }
  get settled(): boolean {
    return this.#material.settled;
  }
  get localPrincipal(): string {
    return this.#material.localPrincipal;
  }
  get securityClass(): string {
    return this.#material.securityClass;
  }

  set onTrust(changed: (() => void) | undefined) {
    this.#material.onTrust = changed;
  }
  get onTrust(): (() => void) | undefined {
    return this.#material.onTrust;
  }

  faultOf(facts: TlsFacts): string | undefined {
    return this.#material.faultOf(facts);
  }

  start(conn: Conn, done: Parameters<DownstreamTls['start']>[1]): void {
    const { context, check, alpn, asksForCertificate } = this.#material;
    conn.startTlsServer(
      { context, requestClientCertificate: asksForCertificate, alpn, check, handshakeTimeoutMs: this.#handshakeMs },
      (result) => {
        if (!result.ok) return done({ ok: false, message: result.error.message });
        if (this.#requireSni && result.conn.tls?.sni === '') {
          result.conn.destroy();
          return done({ ok: false, message: 'the client named no server (require_sni)' });
        }
        done(result);
      },
    );
  }

  dispose(): void {
    this.#material.dispose();
  }
}
