// One simulated run: a mesh of real parts in virtual time, traffic, edits and (by mode) faults, all from one seed; then
// the faults end, everything settles, and everything is taken down. The answer says what did not hold.
import { createHash } from 'node:crypto';
import { SeededRandom } from '#base';
import { BASE, randomEdit, VIP } from './random-edit.ts';
import { Faults } from './faults.ts';
import { askOutside } from './sim-app.ts';
import { SimClock } from './sim-clock.ts';
import { LEAF_TTL_MS, SimControlPlane } from './sim-control-plane.ts';
import { SimNetwork } from './sim-net.ts';
import { SimWorkload, type WorkloadSetting } from './sim-workload.ts';
import { Watch } from './watch.ts';

/** `expiry`: nobody signs for longer than certificates live. */
export const MODES = ['edits', 'faults', 'expiry'] as const;
export type Mode = (typeof MODES)[number];

export interface Outcome {
  readonly seed: number;
  readonly mode: Mode;
  readonly requests: number;
  readonly failures: number;
  readonly edits: number;
  readonly violations: readonly string[];
  /** Of everything that happened, in order: the same for the same seed. */
  readonly digest: string;
  readonly log: readonly string[];
}

const PORT = 9080;
const ACTIVE_MS = 12_000;
const HEALED_MS = 70_000;
const CALM_MS = 2_000;
const ENDED_MS = 15_000;
/** A transport looks every 30 s whether the last of its connections is gone. */
const TAKEN_DOWN_MS = 70_000;
/** What is accepted of an expired certificate for clocks that differ. */
const EXPIRED_MS = 30_000;
const ASK_EVERY_MS = 40;
const EDIT_EVERY_MS = 300;
/** What a former mode lets in has this long to end. */
const NARROWED_MS = 3_000;

const SETTINGS: readonly WorkloadSetting[] = [
  ['a-v1', 'a', 'v1'],
  ['a-v1b', 'a', 'v1'],
  ['a-v2', 'a', 'v2'],
  ['b-v1', 'b', 'v1'],
  ['b-v1b', 'b', 'v1'],
  ['b-v2', 'b', 'v2'],
  ['c-1', 'c', 'v1'],
  ['c-2', 'c', 'v1'],
].map(([name = '', app = '', version = ''], i) => ({ name, app, version, address: `10.1.0.${i + 1}`, port: PORT }));

export async function simulate(seed: number, mode: Mode): Promise<Outcome> {
  const run = new Run(seed, mode);
  await run.all();
  return run.outcome();
}

class Run {
  readonly #seed: number;
  readonly #mode: Mode;
  readonly #clock = new SimClock();
  readonly #random: SeededRandom;
  readonly #network: SimNetwork;
  readonly #control: SimControlPlane;
  readonly #watch: Watch;
  readonly #workloads: readonly SimWorkload[];
  readonly #faults: Faults;
  readonly #log: string[] = [];
  readonly #outside;
  #asking = false;
  #editing = false;
  /** From here on nothing may fail. */
  #strict = false;
  #requests = 0;
  #failures = 0;
  #edits = 0;
  #mtls = { strict: false, atMs: 0 };

  constructor(seed: number, mode: Mode) {
    this.#seed = seed;
    this.#mode = mode;
    this.#random = new SeededRandom(seed);
    this.#network = new SimNetwork(this.#clock, this.#random);
    this.#control = new SimControlPlane(this.#clock, this.#random);
    this.#watch = new Watch(this.#clock, this.#control);
    const parts = {
      network: this.#network,
      control: this.#control,
      random: this.#random,
      served: (...args: Parameters<Watch['served']>) => this.#watch.served(...args),
      finished: (...args: Parameters<Watch['finished']>) => this.#watch.finished(...args),
    };
    this.#workloads = SETTINGS.map((one) => new SimWorkload(one, parts));
    this.#outside = this.#network.join('192.0.2.1', this.#clock.machine());
    this.#faults = new Faults({
      clock: this.#clock,
      random: this.#random,
      network: this.#network,
      control: this.#control,
      watch: this.#watch,
      workloads: this.#workloads,
      say: (what) => this.#say(what),
    });
  }

  async all(): Promise<void> {
    this.#control.edit('base.yaml', BASE);
    await this.#control.start();
    await Promise.all(this.#workloads.map((one) => one.start()));
    await this.#clock.run(3_000);
    this.#asking = this.#editing = true;
    this.#strict = this.#mode === 'edits';
    for (const caller of this.#callers()) this.#keepAsking(caller);
    this.#keepAskingOutside();
    this.#keepEditing();
    if (this.#mode === 'expiry') await this.#outlastCertificates();
    else await this.#active();
    if (this.#mode !== 'edits') {
      this.#asking = false;
      await this.#clock.run(HEALED_MS);
      this.#settledEverywhere();
      this.#strict = this.#asking = true;
      for (const caller of this.#callers()) this.#keepAsking(caller);
    }
    await this.#clock.run(CALM_MS);
    this.#asking = false;
    await this.#clock.run(ENDED_MS);
    this.#settledEverywhere();
    await this.#takeDown();
  }

  async #active(): Promise<void> {
    const stopFaults = this.#faults.begin(this.#mode);
    await this.#clock.run(ACTIVE_MS);
    this.#editing = false;
    await stopFaults();
  }

  /** Traffic goes on while certificates live; who has none any more is let in by nobody. */
  async #outlastCertificates(): Promise<void> {
    this.#editing = false;
    this.#strict = true;
    this.#control.stop();
    await this.#clock.run(LEAF_TTL_MS / 4);
    this.#strict = this.#asking = false;
    await this.#clock.run(LEAF_TTL_MS + EXPIRED_MS);
    this.#asking = true;
    for (const caller of this.#callers()) this.#keepAsking(caller);
    const before = this.#failures;
    for (const wire of [...this.#network.wires]) wire.cut();
    await this.#clock.run(CALM_MS);
    const asked = this.#failures - before;
    this.#watch.expect(
      asked > 0 && asked >= this.#expectedAsks(CALM_MS),
      `with expired certificates only ${asked} requests failed`,
    );
    this.#watch.controlPlaneStarts();
    await this.#control.start();
  }

  #expectedAsks(ms: number): number {
    return (ms / ASK_EVERY_MS) * this.#callers().length * 0.8;
  }

  outcome(): Outcome {
    return {
      seed: this.#seed,
      mode: this.#mode,
      requests: this.#requests,
      failures: this.#failures,
      edits: this.#edits,
      violations: this.#watch.violations,
      digest: createHash('sha256').update(this.#log.join('\n')).digest('hex').slice(0, 16),
      log: this.#log,
    };
  }

  #callers(): readonly SimWorkload[] {
    return this.#workloads.filter((one) => one.setting.app === 'c');
  }

  #keepAsking(caller: SimWorkload): void {
    const turn = (): void => {
      if (!this.#asking) return;
      this.#ask(caller);
      this.#clock.setTimer(ASK_EVERY_MS * (0.3 + 1.4 * this.#random.float()), turn);
    };
    turn();
  }

  #ask(caller: SimWorkload): void {
    const app = caller.up?.app;
    if (app === undefined) return;
    const id = `r${++this.#requests}`;
    const host = this.#random.uint32() % 2 === 0 ? 'a' : 'b';
    const method = this.#random.uint32() % 3 === 0 ? 'POST' : 'GET';
    const mustSucceed = this.#strict;
    this.#watch.sent(id, caller, method);
    app.ask(VIP[host] as string, PORT, `${host}:${PORT}`, method, id, ({ status, body }) => {
      this.#say(`${id} ${method} ${host} ${status} ${body.slice(0, 60)}`);
      if (status === 200) return;
      this.#failures += 1;
      if (mustSucceed)
        this.#watch.expect(false, `${id} ${method} from ${caller.setting.name} to ${host}: ${status} ${body}`);
    });
  }

  /** In plaintext, to whoever serves: must be refused once STRICT is in force everywhere. */
  #keepAskingOutside(): void {
    const turn = (): void => {
      if (!this.#asking) return;
      const target = this.#workloads[this.#random.uint32() % 6] as SimWorkload;
      const refused = this.#isStrict();
      askOutside(this.#outside, target.setting.address, PORT, 'outside', ({ status }) => {
        if (status === 200 && refused && this.#isStrict()) this.#watch.plaintextTaken(target);
      });
      this.#clock.setTimer(400, turn);
    };
    turn();
  }

  #isStrict(): boolean {
    const { strict, atMs } = this.#mtls;
    const status = this.#control.status();
    return (
      strict &&
      this.#clock.now() > atMs + NARROWED_MS &&
      !this.#control.settling &&
      status.length === this.#workloads.length &&
      status.every((one) => one.watermark >= this.#control.snapshot)
    );
  }

  #keepEditing(): void {
    const turn = (): void => {
      if (!this.#editing) return;
      const { file, text, what } = randomEdit(this.#random);
      this.#edits += 1;
      this.#say(what);
      if (file === 'mtls.yaml') this.#mtls = { strict: text?.includes('STRICT') === true, atMs: this.#clock.now() };
      this.#control.edit(file, text);
      this.#clock.setTimer(EDIT_EVERY_MS * 2 * this.#random.float(), turn);
    };
    this.#clock.setTimer(EDIT_EVERY_MS, turn);
  }

  /** Every proxy is there and at the newest snapshot: no acknowledgement was lost. */
  #settledEverywhere(): void {
    const status = this.#control.status();
    this.#watch.expect(status.length === this.#workloads.length, `${status.length} proxies are connected`);
    for (const { node, watermark, lagging, rejects } of status) {
      this.#watch.expect(
        watermark === this.#control.snapshot,
        `${node.id} is at snapshot ${watermark} of ${this.#control.snapshot} ${lagging}`,
      );
      this.#watch.expect(
        rejects.length === 0,
        `${node.id} rejects ${JSON.stringify(rejects.map((one) => one.detail))}`,
      );
    }
    this.#watch.expect(this.#control.rejections.length === 0, this.#control.rejections[0] ?? '');
  }

  async #takeDown(): Promise<void> {
    for (const { up, setting } of this.#workloads) {
      if (up === undefined || setting.app !== 'c') continue;
      const open = [...up.proxy.listeners.all()].filter(({ snapshot }) => snapshot.direction === 'outbound');
      const left = open.reduce((sum, one) => sum + one.connectionCount, 0);
      this.#watch.expect(left === 0, `${setting.name} keeps ${left} connections of callers that are gone`);
    }
    const ups = this.#workloads.map((one) => one.close());
    await this.#clock.run(TAKEN_DOWN_MS);
    for (const [i, up] of ups.entries()) {
      if (up === undefined) continue;
      const { name } = (this.#workloads[i] as SimWorkload).setting;
      this.#watch.expect(up.net.connections.size === 0, `${name} left ${up.net.connections.size} connections`);
      this.#watch.expect(up.clock.pendingTimers === 0, `${name} left ${up.clock.pendingTimers} timers`);
    }
    this.#watch.expect(this.#network.wires.size === 0, `${this.#network.wires.size} connections are left`);
  }

  #say(what: string): void {
    this.#log.push(`${this.#clock.now().toFixed(3)} ${what}`);
  }
}
