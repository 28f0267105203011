// Runs one scenario in a lab: applies its configuration, makes its calls, and says what differed from what it expects.
import assert from 'node:assert/strict';
import { hash, X509Certificate } from 'node:crypto';
import { make, type Outcome } from './calls.ts';
import type { Lab, Role } from './lab.ts';
import type { Expectation, HeaderCheck, Scenario, Step } from './scenario.ts';
import { grownSince, readMetrics } from './metrics.ts';
import { spanHolds } from './spans.ts';

/** A listener that was acknowledged reaches its worker a little later: a scenario is tried again for so long, and so often. */
const TRY_MS = 30_000;
const TRIES = 5;
const PAUSE_MS = 60;
const LOG_MS = 4000;
/** For what another thread must hear of first. */
const SOON_MS = 10_000;
/** Who is out of a cluster's hosts, connections that are kept, a plugin that broke: no try may begin with what another has left. */
const LEAVES_STATE = /outlierDetection|localityLbSetting|connectionPool|\$\{fresh:/;
let cases = 0;

/**
 * How many tries it took to hold `times` times. Throws what did not hold at the last try, and at the first where that is
 * something else.
 */
export async function runScenario(lab: Lab, scenario: Scenario, times = 1): Promise<number> {
  await begin(lab, scenario);
  let end = performance.now() + TRY_MS;
  let first: string | undefined;
  let held = 0;
  for (let tries = 1; ; tries++) {
    try {
      await runSteps(lab, scenario);
      if (++held === times) return tries;
      end = performance.now() + TRY_MS;
    } catch (error) {
      const { message } = error as Error;
      first ??= message;
      if (tries >= TRIES && performance.now() > end)
        throw first === message ? error : new Error(`${message}\nat the first try: ${first}`);
    }
    const anew = LEAVES_STATE.test(scenario.config);
    if (anew) await begin(lab, scenario);
    // Longer each time: what is put in force anew at each try may need it.
    await pause(anew ? tries * PAUSE_MS : PAUSE_MS);
  }
}

/** Puts its configuration in the place of the one before, which has left nothing in hosts that this one could see. */
async function begin(lab: Lab, { config, mesh, rejected }: Scenario): Promise<void> {
  // Hosts that nobody watches are all let back in; subsets go, and other pools let their connections go.
  if (LEAVES_STATE.test(config)) await lab.apply('');
  const before = lab.control.rejections.length;
  await lab.apply(fill(lab, config), mesh);
  if (rejected === undefined) assertNothingRejected(lab, before);
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** `${port:web-v1}`, `${secret:NAME}`, `${file:crl:NAME}` and the like: what only the lab knows; `${fresh:NAME}` is new at each try. */
function fill(lab: Lab, text: string): string {
  return text.replace(
    /\$\{(port|secret|stranger|secret-ca|secret-crl|only-ca|own|file|hash|spki|fresh):([^}]+)\}/g,
    (_, kind: string, name: string) => {
      if (kind === 'file') return lab.file(name);
      if (kind === 'fresh') return `${name}-${++cases}`;
      if (kind === 'hash' || kind === 'spki') return pin(kind, lab.certificates.of(name).certPem);
      if (kind === 'port') return String(lab.backends.port(name));
      if (kind === 'own') return String(ownPort(lab, name));
      const pair = lab.certificates.of(name, kind === 'stranger');
      const data: [string, string][] = [
        ...(kind === 'only-ca'
          ? []
          : ([
              ['tls.crt', pair.certPem],
              ['tls.key', pair.keyPem],
            ] as [string, string][])),
        ...(kind === 'secret-ca' || kind === 'secret-crl' || kind === 'only-ca'
          ? [['ca.crt', lab.certificates.rootsPem] as [string, string]]
          : []),
        ...(kind === 'secret-crl'
          ? [['ca.crl', lab.certificates.revocationList('revoked.example.com')] as [string, string]]
          : []),
      ];
      return `{ ${data.map(([key, value]) => `${key}: ${Buffer.from(value).toString('base64')}`).join(', ')} }`;
    },
  );
}

/** `client`: of its forward proxy; `server-8000`: where the server's sidecar takes a declared port; a number: of the gateway. */
function ownPort(lab: Lab, name: string): number {
  if (name === 'client') return lab.httpProxyPort;
  const declared = /^server-(\d+)$/.exec(name)?.[1];
  return (declared === undefined ? lab.gatewayPorts[Number(name)] : lab.serverPorts[Number(declared)]) ?? 0;
}

/** As a Gateway names a client's certificate, or its key. */
function pin(kind: 'hash' | 'spki', certPem: string): string {
  const { fingerprint256, publicKey } = new X509Certificate(certPem);
  return kind === 'hash' ? fingerprint256 : hash('sha256', publicKey.export({ type: 'spki', format: 'der' }), 'base64');
}

function assertNothingRejected(lab: Lab, before: number): void {
  const fresh = lab.control.rejections.slice(before);
  assert.deepEqual(
    fresh.map((one) => `${one.node.id}: ${one.names.join()}: ${one.detail}`),
    [],
    'the proxy rejected what it was sent',
  );
}

async function runSteps(lab: Lab, scenario: Scenario): Promise<void> {
  const jar = { cookies: '' };
  for (const [i, step] of scenario.steps.entries()) {
    const end = performance.now() + SOON_MS;
    for (;;) {
      try {
        await runStep(lab, step, i, jar);
        break;
      } catch (error) {
        if (step.soon !== true || performance.now() > end) throw error;
        await pause(PAUSE_MS);
      }
    }
    if (step.pauseMs !== undefined) await pause(step.pauseMs);
  }
}

async function runStep(lab: Lab, step: Step, i: number, jar: { cookies: string }): Promise<void> {
  const role: Role = step.call.via === undefined || step.call.via === 'forward' ? 'client' : step.call.via;
  const names = Object.keys(step.counters ?? {});
  const before = names.length === 0 ? new Map<string, number>() : await lab.counters(role, names);
  const metrics = step.metrics === undefined ? '' : await lab.metrics(role);
  const outcomes: Outcome[] = [];
  const times = step.times ?? 1;
  const one = async (): Promise<void> => {
    const id = `case-${++cases}`;
    const call =
      step.cookies === 'send' ? { ...step.call, headers: { ...step.call.headers, cookie: jar.cookies } } : step.call;
    const outcome = await make(lab, call, id);
    outcomes.push(outcome);
    if (step.expect !== undefined) await check(lab, step.expect, outcome, id, i);
  };
  const together = step.together ?? 1;
  for (let k = 0; k < times; k += together)
    await Promise.all(Array.from({ length: Math.min(together, times - k) }, () => one()));
  if (step.cookies === 'keep')
    jar.cookies = [outcomes[0]?.headers['set-cookie'] ?? []]
      .flat()
      .map((text) => String(text).split(';')[0])
      .join('; ');
  checkAll(step, outcomes, i);
  if (names.length > 0) await checkCounters(lab, role, step, before, i);
  if (step.metrics !== undefined) await grownSince(lab, role, readMetrics(metrics), step.metrics, `step ${i}`);
  if (step.span !== undefined) for (const outcome of outcomes) await spanHolds(lab, outcome, step.span, `step ${i}`);
}

function checkAll(step: Step, outcomes: readonly Outcome[], i: number): void {
  const count = new Map<string, number>();
  for (const { backend, status, error } of outcomes) {
    const key = error !== '' ? 'refused' : backend !== '' ? backend : String(status);
    count.set(key, (count.get(key) ?? 0) + 1);
    if (backend !== '' && status !== 0) count.set(String(status), (count.get(String(status)) ?? 0) + 1);
  }
  for (const [key, [least, most]] of Object.entries(step.spread ?? {})) {
    const got = count.get(key) ?? 0;
    assert.ok(
      got >= least && got <= most,
      `step ${i}: ${key} was seen ${got} times, not ${least} to ${most} (${JSON.stringify([...count])})`,
    );
  }
  if (step.different !== undefined) {
    const backends = new Set(outcomes.map(({ backend }) => backend));
    assert.equal(backends.size, step.different, `step ${i}: backends ${[...backends].join()}`);
  }
}

async function checkCounters(
  lab: Lab,
  role: Role,
  step: Step,
  before: ReadonlyMap<string, number>,
  i: number,
): Promise<void> {
  const wanted = step.counters ?? {};
  const end = performance.now() + LOG_MS;
  for (;;) {
    const now = await lab.counters(role, Object.keys(wanted));
    const short = Object.entries(wanted).filter(
      ([name, least]) => (now.get(name) ?? 0) - (before.get(name) ?? 0) < least,
    );
    if (short.length === 0) return;
    if (performance.now() > end)
      assert.fail(
        `step ${i}: ${short.map(([name, least]) => `${name} grew by ${(now.get(name) ?? 0) - (before.get(name) ?? 0)}, not ${least}`).join('; ')}`,
      );
    await pause(50);
  }
}

async function check(lab: Lab, expect: Expectation, got: Outcome, id: string, i: number): Promise<void> {
  const at = `step ${i}, ${got.status} ${got.error} ${got.backend} ${got.body.slice(0, 200)}`;
  if (expect.refused === true) assert.notEqual(got.error, '', `${at}: expected no answer`);
  else if (expect.refused === false || expect.status !== undefined) assert.equal(got.error, '', at);
  if (expect.status !== undefined) assert.equal(got.status, expect.status, at);
  if (expect.backend !== undefined)
    assert.ok(
      [expect.backend].flat().includes(got.backend as never),
      `${at}: expected ${[expect.backend].flat().join(' or ')}`,
    );
  if (expect.path !== undefined) holds(got.seen?.path, expect.path, `${at}: path`);
  if (expect.method !== undefined) holds(got.seen?.method, expect.method, `${at}: method`);
  if (expect.authority !== undefined) holds(got.seen?.authority, expect.authority, `${at}: authority`);
  if (expect.protocol !== undefined) holds(got.seen?.protocol, expect.protocol, `${at}: protocol`);
  headersHold(got.seen?.headers ?? {}, expect.upstream, `${at}: upstream`);
  headersHold(got.headers, expect.downstream, `${at}: downstream`);
  if (expect.body !== undefined) holds(got.body, expect.body, `${at}: body`);
  if (expect.certificate !== undefined) holds(got.certificate, expect.certificate, `${at}: certificate`);
  if (expect.atLeastMs !== undefined) assert.ok(got.ms >= expect.atLeastMs - 2, `${at}: took only ${got.ms} ms`);
  if (expect.lessThanMs !== undefined) assert.ok(got.ms < expect.lessThanMs, `${at}: took ${got.ms} ms`);
  await arrivalsHold(lab, expect, id, at);
  if (expect.log === null) {
    await lab.flushLogs(got.role);
    assert.equal(lineOf(lab, got, false), undefined, `${at}: a line in the access log`);
  } else if (expect.flag !== undefined || expect.log !== undefined) {
    const line = await logLine(lab, got, at);
    if (expect.flag !== undefined) holds(String(line['response_flags']), expect.flag, `${at}: response flags`);
    for (const [key, value] of Object.entries(expect.log ?? {})) {
      if (value instanceof RegExp) assert.match(String(line[key]), value, `${at}: log ${key}`);
      else assert.deepEqual(line[key], value, `${at}: log ${key}`);
    }
  }
  if (expect.audit === null) {
    await lab.flushLogs(got.role);
    assert.equal(auditLine(lab, got), undefined, `${at}: audit`);
  } else if (expect.audit !== undefined) {
    const line = await untilLine(lab, got, () => auditLine(lab, got), `${at}: no line of AUDIT`);
    for (const [key, value] of Object.entries(expect.audit)) assert.deepEqual(line[key], value, `${at}: audit ${key}`);
  }
}

async function arrivalsHold(lab: Lab, expect: Expectation, id: string, at: string): Promise<void> {
  const { arrivals } = lab.backends;
  const end = performance.now() + LOG_MS;
  for (;;) {
    const seen = arrivals.of(id);
    const problem =
      expect.arrivals !== undefined && seen.length !== expect.arrivals
        ? `${seen.length} requests arrived, not ${expect.arrivals}`
        : expect.alsoAt !== undefined && !seen.some((one) => one.backend === expect.alsoAt)
          ? `nothing arrived at ${expect.alsoAt}`
          : expect.neverAt !== undefined && seen.some((one) => one.backend === expect.neverAt)
            ? `something arrived at ${expect.neverAt}`
            : '';
    if (problem === '') return;
    if (performance.now() > end || expect.neverAt !== undefined) assert.fail(`${at}: ${problem}`);
    await pause(20);
  }
}

type Line = Readonly<Record<string, unknown>>;

function logLine(lab: Lab, got: Outcome, at: string): Promise<Line> {
  return untilLine(lab, got, () => lineOf(lab, got, false), `${at}: no line in the access log`);
}

const auditLine = (lab: Lab, got: Outcome): Line | undefined => lineOf(lab, got, true);

/** Both kinds of lines stand in one stream, and name the caller's port, which somebody may have had before. */
function lineOf(lab: Lab, got: Outcome, audit: boolean): Line | undefined {
  return lab
    .logSince(got.role, got.logBytes)
    .split('\n')
    .filter((line) => line.includes(`:${got.localPort}"`) && line.startsWith('{'))
    .map((line) => JSON.parse(line) as Line)
    .findLast((line) => (line['audit'] === true) === audit);
}

async function untilLine(lab: Lab, got: Outcome, find: () => Line | undefined, problem: string): Promise<Line> {
  const end = performance.now() + LOG_MS;
  for (;;) {
    const line = find();
    if (line !== undefined) return line;
    if (performance.now() > end) assert.fail(problem);
    await lab.flushLogs(got.role);
    await pause(20);
  }
}

function headersHold(
  got: Readonly<Record<string, string | string[] | undefined>>,
  wanted: HeaderCheck | undefined,
  at: string,
): void {
  for (const [name, value] of Object.entries(wanted ?? {})) {
    const found = got[name] === undefined ? undefined : String(got[name]);
    if (value === null) assert.equal(found, undefined, `${at} ${name}`);
    else if (value instanceof RegExp) assert.match(found ?? '', value, `${at} ${name}`);
    else assert.equal(found, value, `${at} ${name}`);
  }
}

function holds(got: string | undefined, wanted: string | RegExp, at: string): void {
  if (wanted instanceof RegExp) assert.match(got ?? '', wanted, at);
  else assert.equal(got, wanted, at);
}
