// Mutated requests against DENY policies in front of real servers, in slices: a long run may be stopped and goes on where it was.
//
//   nice node test/mutations/run.ts [--per-class 1000000] [--slice 25000] [--ledger .cache/mutations.json] [--minutes 600] [--first-seed 1000]
//
// Every slice has its own seed and its own proxy and server, and stands in the ledger when it ended without a finding.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import process from 'node:process';
import { CLASSES, type PolicyClass, throwAt } from '../rungs/sockets/servers/denied-classes.ts';
import { missing, SERVERS, type ServerName } from '../rungs/sockets/servers/start-server.ts';
import { programOptions } from '../../tools/program-options.ts';

const { values } = programOptions(import.meta.filename, {
  options: {
    'per-class': { type: 'string', default: '1000000' },
    slice: { type: 'string', default: '25000' },
    ledger: { type: 'string', default: '.cache/mutations.json' },
    minutes: { type: 'string', default: '600' },
    'first-seed': { type: 'string', default: '1000' },
  },
});

interface Row {
  slices: number;
  sent: number;
  refused: number;
  served: number;
}
type Ledger = Record<string, Row>;

const slice = Number(values.slice);
const share = Number(values['per-class']) / SERVERS.length;
const end = performance.now() + Number(values.minutes) * 60_000;
const ledger: Ledger = existsSync(values.ledger) ? (JSON.parse(readFileSync(values.ledger, 'utf8')) as Ledger) : {};
for (const name of SERVERS) {
  const lack = missing(name);
  if (lack !== undefined) console.log(`not in front of ${name}: ${lack}`);
}

interface Work {
  readonly key: string;
  readonly server: ServerName;
  readonly one: PolicyClass;
}

/** The pair that is behind the others. */
function next(): Work | undefined {
  const pairs = SERVERS.filter((name) => missing(name) === undefined).flatMap((server) =>
    CLASSES.map((one) => ({ key: `${one.name} in front of ${server}`, server, one })),
  );
  const sent = ({ key }: Work): number => ledger[key]?.sent ?? 0;
  return pairs.filter((pair) => sent(pair) < share).sort((a, b) => sent(a) - sent(b))[0];
}

let found = 0;
for (let work = next(); work !== undefined && performance.now() < end && found === 0; work = next()) {
  const row = (ledger[work.key] ??= { slices: 0, sent: 0, refused: 0, served: 0 });
  const seed = Number(values['first-seed']) + row.slices;
  const seen = await throwAt(work.server, work.one, Math.min(slice, share - row.sent), seed);
  for (const request of seen.reached.slice(0, 20))
    console.log(`REACHED ${work.key}, seed ${seed}: ${JSON.stringify(request)}`);
  found += seen.reached.length;
  if (seen.reached.length > 0) break;
  row.slices++;
  row.sent += seen.sent;
  row.refused += seen.refused;
  row.served += seen.served;
  writeFileSync(values.ledger, JSON.stringify(ledger, undefined, 2));
}

for (const one of CLASSES) {
  const rows = SERVERS.map((server) => ({ server, row: ledger[`${one.name} in front of ${server}`] }));
  const sum = (field: keyof Row): number => rows.reduce((total, { row }) => total + (row?.[field] ?? 0), 0);
  const each = rows.map(({ server, row }) => `${server} ${row?.sent ?? 0}`).join(', ');
  console.log(
    `${one.name}: ${sum('sent')} requests (${each}): ${sum('refused')} refused, ${sum('served')} served, none reached it`,
  );
}
process.exit(found === 0 ? 0 : 1);
