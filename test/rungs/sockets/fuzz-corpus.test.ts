// The inputs that the fuzzer kept, and those it begins with, hold every rule still.
import { test } from 'node:test';
import { readCorpus } from '../../fuzz/corpus.ts';
import { TARGETS } from '../../fuzz/targets.ts';

for (const target of TARGETS) {
  test(`${target.name}: what was found once holds`, async () => {
    for (const input of [...target.seeds, ...readCorpus(target.name)]) await target.run(input);
  });
}
