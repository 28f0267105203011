import assert from 'node:assert/strict';
import { test } from 'node:test';
import { authorityElsewhere } from './authority-elsewhere.ts';

const OFF = { ENABLE_CA_SERVER: 'false' };
const FLAGS = { tlsCertFile: '/a', tlsKeyFile: '/b', caCertFile: '/c' };

test('the control plane is the authority unless it is told that it is none', () => {
  assert.equal(
    authorityElsewhere({}, {}, () => true),
    undefined,
  );
  assert.throws(() => authorityElsewhere({}, FLAGS, () => true), /set ENABLE_CA_SERVER=false too/);
});

test('files come from the flags, all three of them, or from where the chart mounts them', () => {
  assert.deepEqual(
    authorityElsewhere(OFF, FLAGS, () => false),
    { certFile: '/a', keyFile: '/b', rootsFile: '/c' },
  );
  assert.throws(() => authorityElsewhere(OFF, { tlsCertFile: '/a' }, () => true), /Give all three/);
  const tls = '/var/run/secrets/istiod/tls';
  const mounted = (found: boolean): unknown => authorityElsewhere(OFF, {}, () => found)?.rootsFile;
  assert.deepEqual([mounted(true), mounted(false)], ['/var/run/secrets/istiod/ca/root-cert.pem', `${tls}/ca.crt`]);
});
