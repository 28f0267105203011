import assert from 'node:assert/strict';
import { test } from 'node:test';
import { workloadKeyKind } from './workload-key-kind.ts';

test('keys are P-256 unless the environment says P-384 or RSA', () => {
  const ecdsa = { ECC_SIGNATURE_ALGORITHM: 'ECDSA' };
  for (const [env, kind] of [
    [{}, 'ecdsa-p256'],
    [ecdsa, 'ecdsa-p256'],
    [{ ...ecdsa, ECC_CURVE: 'P384' }, 'ecdsa-p384'],
    [{ WORKLOAD_RSA_KEY_SIZE: '3072' }, 'rsa-3072'],
    [{ ...ecdsa, WORKLOAD_RSA_KEY_SIZE: '2048' }, 'ecdsa-p256'],
  ] as const)
    assert.equal(workloadKeyKind(env), kind);
});

test('what is no kind of key stops the start', () => {
  for (const env of [{ ECC_SIGNATURE_ALGORITHM: 'Ed25519' }, { ECC_CURVE: 'P521' }, { WORKLOAD_RSA_KEY_SIZE: '1024' }])
    assert.throws(() => workloadKeyKind(env), new RegExp(Object.keys(env)[0] as string));
});
