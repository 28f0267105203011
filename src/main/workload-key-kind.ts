// Which kind of key a workload makes for its certificates, by Istio's environment variables; P-256 where nothing is said.
import type { KeyKind } from '#identity';

type Env = Readonly<Record<string, string | undefined>>;

/** ECC_SIGNATURE_ALGORITHM and ECC_CURVE, or WORKLOAD_RSA_KEY_SIZE. Throws with a sentence that names what is wrong. */
export function workloadKeyKind(env: Env): KeyKind {
  const said = (name: string): string => env[name] ?? '';
  const algorithm = said('ECC_SIGNATURE_ALGORITHM');
  if (algorithm !== '' && algorithm !== 'ECDSA')
    throw new Error(`ECC_SIGNATURE_ALGORITHM is "${algorithm}": write ECDSA, or leave it out.`);
  const curve = said('ECC_CURVE');
  if (curve !== '' && curve !== 'P256' && curve !== 'P384')
    throw new Error(`ECC_CURVE is "${curve}": write P256 or P384.`);
  const bits = said('WORKLOAD_RSA_KEY_SIZE');
  if (bits === '' || algorithm === 'ECDSA') return curve === 'P384' ? 'ecdsa-p384' : 'ecdsa-p256';
  if (bits === '2048' || bits === '3072' || bits === '4096') return `rsa-${bits}`;
  throw new Error(`WORKLOAD_RSA_KEY_SIZE is "${bits}": write 2048, 3072 or 4096.`);
}
