// What a DENY names is not reached in real servers behind our proxy, however the request spells it. Each server says which
// of its handlers ran. TOPSAIL_TEST_PATHS: mutated requests for each policy class, shared by the servers (default 2000;
// the long form is test/mutations/run.ts).
import assert from 'node:assert/strict';
import process from 'node:process';
import { describe, test } from 'node:test';
import { CLASSES, throwAt } from './servers/denied-classes.ts';
import { missing, SERVERS } from './servers/start-server.ts';

const COUNT = Number(process.env['TOPSAIL_TEST_PATHS'] ?? 2000);
const SEED = Number(process.env['TOPSAIL_TEST_SEED'] ?? 11);

for (const name of SERVERS) {
  const lack = missing(name);
  if (lack !== undefined && process.env['CI'] !== undefined) throw new Error(`CI is set, but ${lack}`);
  describe(`in front of ${name}`, { skip: lack ?? false }, () => {
    for (const one of CLASSES) {
      test(`${one.name} that a DENY names is not reached`, async (t) => {
        const total = Math.ceil(COUNT / SERVERS.length);
        const seen = await throwAt(name, one, total, SEED);
        t.diagnostic(`${seen.sent} requests: ${seen.refused} refused by the policy, ${seen.served} served`);
        assert.deepEqual(seen.reached.slice(0, 5), [], `${seen.reached.length} of ${seen.sent} reached it`);
        assert.ok(seen.refused > total / 20 && seen.served > 0, JSON.stringify(seen));
      });
    }
  });
}
