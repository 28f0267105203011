// An authority outside of the mesh: a root, and certificates of any SPIFFE identity below it.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'node:tls';

export interface PartnerCa {
  readonly root: string;
  issue(identity: string): { readonly cert: string; readonly key: string };
  remove(): void;
}

export function makePartnerCa(): PartnerCa {
  const folder = mkdtempSync(join(tmpdir(), 'topsail-partner-'));
  const at = (name: string): string => join(folder, name);
  const openssl = (...args: string[]): void => void execFileSync('openssl', args, { stdio: 'ignore' });
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  openssl(
    ...['req', '-x509', ...curve, '-days', '2', '-subj', '/O=partner'],
    ...['-addext', 'basicConstraints=critical,CA:TRUE', '-addext', 'keyUsage=critical,keyCertSign'],
    ...['-keyout', at('ca.key'), '-out', at('ca.crt')],
  );
  return {
    root: readFileSync(at('ca.crt'), 'utf8'),
    issue: (identity) => {
      writeFileSync(
        at('ext'),
        `basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\nextendedKeyUsage=clientAuth,serverAuth\nsubjectAltName=critical,URI:${identity}\n`,
      );
      openssl('req', ...curve, '-subj', '/', '-keyout', at('key'), '-out', at('csr'));
      openssl(
        ...['x509', '-req', '-in', at('csr'), '-CA', at('ca.crt'), '-CAkey', at('ca.key'), '-CAcreateserial'],
        ...['-days', '2', '-extfile', at('ext'), '-out', at('crt')],
      );
      return { cert: readFileSync(at('crt'), 'utf8'), key: readFileSync(at('key'), 'utf8') };
    },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

/** The status of a GET over mutual TLS, as a sidecar makes it; what went wrong when there is none. */
export function askWithCertificate(
  host: string,
  port: number,
  authority: string,
  own: { readonly cert: string; readonly key: string },
): Promise<string> {
  return new Promise((resolve) => {
    let text = '';
    const socket = connect({
      host,
      port,
      ...own,
      rejectUnauthorized: false,
      ALPNProtocols: ['istio-http/1.1', 'istio', 'http/1.1'],
      servername: `outbound_.${port}_._.${authority}`,
    });
    const done = (): void => resolve(/^HTTP\/1\.1 (\d+)/.exec(text)?.[1] ?? (text || 'closed'));
    socket.setTimeout(5000, () => socket.destroy(new Error('timeout')));
    socket.on('secureConnect', () => socket.write(`GET / HTTP/1.1\r\nhost: ${authority}\r\nconnection: close\r\n\r\n`));
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1');
    });
    socket.on('error', (error) => {
      text ||= error.message;
    });
    socket.on('close', done);
  });
}
