// Runs every flood (or those whose name holds the given words) and prints what it did to the proxy and to its other clients.
//
//   node test/floods/run.ts [WORDS] [--seconds 5]
import process from 'node:process';
import { FloodBed } from './bed.ts';
import { FLOODS, judge, STRICT } from './judge.ts';
import { programOptions } from '../../tools/program-options.ts';

const { values, positionals } = programOptions(import.meta.filename, {
  allowPositionals: true,
  options: { seconds: { type: 'string', default: '5' } },
});
const words = positionals.join(' ');
const bed = await FloodBed.start();
let bad = 0;
try {
  const calm = await bed.quietly(2000);
  console.log(
    `nobody attacks: p50 ${calm.p50.toFixed(1)} ms, p99 ${calm.p99.toFixed(1)} ms, ${(bed.memory() / 2 ** 20).toFixed(0)} MB\n`,
  );
  for (const flood of FLOODS) {
    if (!flood.name.includes(words)) continue;
    const {
      end,
      attacks,
      seen,
      calm: beside,
      grown,
      counters,
      complaints,
    } = await judge(bed, flood, Number(values.seconds) * 1000, STRICT);
    if (complaints.length > 0) bad++;
    const { latency } = seen;
    console.log(
      `${complaints.length === 0 ? 'ok    ' : 'FAILED'} ${flood.name}\n       ${counters.join(', ')}; +${(grown / 2 ** 20).toFixed(1)} MB; ` +
        `${attacks} times in ${seen.seconds.toFixed(1)} s, cores: attacker ${seen.ownCores.toFixed(2)}, its application ${seen.appCores.toFixed(2)}, proxy ${seen.proxyCores.toFixed(2)}; ` +
        `others p50 ${latency.p50.toFixed(1)} p99 ${latency.p99.toFixed(1)} ms of ${latency.requests} (burner: ${beside.p50.toFixed(1)}, ${beside.p99.toFixed(1)} ms), ${latency.failures} failed` +
        `${end.goaway === undefined ? '' : `; GOAWAY ${end.goaway}`} ${end.note ?? ''}${complaints.map((c) => `\n       - ${c}`).join('')}`,
    );
  }
} finally {
  await bed.stop();
}
process.exit(bad === 0 ? 0 : 1);
