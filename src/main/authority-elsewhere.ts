// Whether another authority signs (cert-manager's istio-csr), by Istio's own settings: then where the control plane finds its
// certificate and the roots of the mesh.
import type { ElsewhereFiles } from '#identity';

/** Where Istio's charts mount Secret `istiod-tls` and ConfigMap `istio-ca-root-cert`. */
const TLS_FOLDER = '/var/run/secrets/istiod/tls';
const ROOTS_FILE = '/var/run/secrets/istiod/ca/root-cert.pem';
const FLAGS = ['tlsCertFile', 'tlsKeyFile', 'caCertFile'];

/** Undefined: the control plane is the authority. Throws with a sentence that names what does not fit together. */
export function authorityElsewhere(
  env: Readonly<Record<string, string | undefined>>,
  options: Readonly<Record<string, unknown>>,
  exists: (path: string) => boolean,
): ElsewhereFiles | undefined {
  const given = FLAGS.filter((name) => typeof options[name] === 'string' && options[name] !== '');
  if ((env['ENABLE_CA_SERVER'] ?? '').toLowerCase() !== 'false') {
    if (given.length === 0) return undefined;
    throw new Error(
      `--${given[0]} is for a mesh whose certificates another authority signs: set ENABLE_CA_SERVER=false too.`,
    );
  }
  if (given.length > 0 && given.length < FLAGS.length)
    throw new Error(`Give all three of ${FLAGS.map((name) => `--${name}`).join(', ')}, or none.`);
  if (given.length > 0) {
    const [certFile = '', keyFile = '', rootsFile = ''] = FLAGS.map((name) => String(options[name]));
    return { certFile, keyFile, rootsFile };
  }
  return {
    certFile: `${TLS_FOLDER}/tls.crt`,
    keyFile: `${TLS_FOLDER}/tls.key`,
    rootsFile: exists(ROOTS_FILE) ? ROOTS_FILE : `${TLS_FOLDER}/ca.crt`,
  };
}
