// What must hold in every simulated run, and what is remembered to judge it.
import type { Clock } from '#base';
import type { Snapshot } from '#push';
import type { StreamRecord } from '#telemetry';
import type { Served } from './sim-app.ts';
import type { SimControlPlane } from './sim-control-plane.ts';
import type { SimWorkload } from './sim-workload.ts';

interface Sent {
  readonly atMs: number;
  readonly by: string;
  readonly method: string;
  served: number;
}

interface Acknowledged {
  readonly atMs: number;
  readonly watermark: number;
}

const MOST_VIOLATIONS = 20;

export class Watch {
  readonly violations: string[] = [];
  readonly #clock: Clock;
  readonly #control: SimControlPlane;
  readonly #sent = new Map<string, Sent>();
  /** Address -> first snapshot of this control plane without it. */
  readonly #removed = new Map<string, number>();
  /** Node id -> what it acknowledged, and when. */
  readonly #acknowledged = new Map<string, Acknowledged[]>();
  #seen = new Set<string>();

  constructor(clock: Clock, control: SimControlPlane) {
    this.#clock = clock;
    this.#control = control;
    control.published = (snapshot) => this.#published(snapshot);
    control.progressed = () => this.#progressed();
  }

  /** Its snapshots are numbered anew. */
  controlPlaneStarts(): void {
    this.#removed.clear();
    this.#acknowledged.clear();
    this.#seen = new Set();
  }

  sent(id: string, by: SimWorkload, method: string): void {
    this.#sent.set(id, { atMs: this.#clock.now(), by: by.nodeId, method, served: 0 });
  }

  served(by: SimWorkload, { id, outside }: Served): void {
    const sent = this.#sent.get(id);
    if (outside || sent === undefined) return;
    sent.served += 1;
    if (sent.method === 'POST' && sent.served > 1) this.#violated(`POST ${id} was served ${sent.served} times`);
    const since = this.#removed.get(by.setting.address);
    const known = this.#acknowledged.get(sent.by)?.findLast((one) => one.atMs < sent.atMs);
    if (since !== undefined && known !== undefined && known.watermark >= since)
      this.#violated(
        `${id} went to ${by.setting.name}, which is gone since snapshot ${since}; its caller had acknowledged ${known.watermark}`,
      );
  }

  finished(by: SimWorkload, record: StreamRecord, inbound: boolean): void {
    const sent = this.#sent.get(record.path.slice(1));
    if (sent === undefined) return;
    if (inbound && !record.downstreamMtls) this.#violated(`${record.path} came to ${by.setting.name} in plaintext`);
    for (const flag of record.flags)
      if (flag === 'NR' || flag === 'NC')
        this.#violated(
          `${record.path} found no ${flag === 'NR' ? 'route' : 'cluster'} at ${by.setting.name} (${record.routeName} ${record.upstreamCluster})`,
        );
  }

  /** A plaintext request from outside was answered by a workload that takes none. */
  plaintextTaken(by: SimWorkload): void {
    this.#violated(`${by.setting.name} answered plaintext while STRICT was in force everywhere`);
  }

  expect(good: boolean, what: string): void {
    if (!good) this.#violated(what);
  }

  #violated(what: string): void {
    if (this.violations.length < MOST_VIOLATIONS)
      this.violations.push(`${(this.#clock.now() / 1000).toFixed(3)} s: ${what}`);
  }

  #published(snapshot: Snapshot): void {
    const present = new Set<string>();
    for (const { byPort } of snapshot.endpoints.values())
      for (const endpoints of byPort.values())
        for (const one of endpoints) if (one.health === 'healthy') present.add(one.address);
    for (const address of present) this.#removed.delete(address);
    for (const address of this.#seen)
      if (!present.has(address) && !this.#removed.has(address)) this.#removed.set(address, snapshot.number);
    for (const address of present) this.#seen.add(address);
  }

  #progressed(): void {
    for (const { node, watermark } of this.#control.status()) {
      let list = this.#acknowledged.get(node.id);
      if (list === undefined) this.#acknowledged.set(node.id, (list = []));
      if (list.at(-1)?.watermark !== watermark) list.push({ atMs: this.#clock.now(), watermark });
    }
  }
}
