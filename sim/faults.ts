// What goes wrong in a simulated run: machines die and come back, connections are cut, the network slows down, clocks
// jump, the control plane dies. Whatever is broken is mended before the end.
import type { Random } from '#base';
import type { SimClock } from './sim-clock.ts';
import type { SimControlPlane } from './sim-control-plane.ts';
import type { SimNetwork } from './sim-net.ts';
import type { SimWorkload } from './sim-workload.ts';
import type { Mode } from './simulate.ts';
import type { Watch } from './watch.ts';

export interface FaultParts {
  readonly clock: SimClock;
  readonly random: Random;
  readonly network: SimNetwork;
  readonly control: SimControlPlane;
  readonly watch: Watch;
  readonly workloads: readonly SimWorkload[];
  readonly say: (what: string) => void;
}

const FAULT_EVERY_MS = 700;
const LEAVE_EVERY_MS = 4_000;
/** A workload that said goodbye still ends what it has begun. */
const LEAVING_MS = 1_500;
const CLOCK_JUMP_MS = 20_000;

export class Faults {
  readonly #parts: FaultParts;
  /** What mends each fault that is not over. */
  readonly #mending = new Set<() => Promise<void> | void>();
  #on = false;

  constructor(parts: FaultParts) {
    this.#parts = parts;
  }

  /** The result ends all of it. */
  begin(mode: Mode): () => Promise<void> {
    this.#on = true;
    if (mode === 'edits') this.#every(LEAVE_EVERY_MS, () => this.#leave());
    else this.#every(FAULT_EVERY_MS, () => this.#break());
    return async () => {
      this.#on = false;
      for (const mend of [...this.#mending]) await mend();
    };
  }

  #every(ms: number, act: () => void): void {
    const turn = (): void => {
      if (!this.#on) return;
      act();
      this.#parts.clock.setTimer(ms * (0.5 + this.#parts.random.float()), turn);
    };
    this.#parts.clock.setTimer(ms, turn);
  }

  /** Until mended, by its own time or by the end of the run. */
  #broken(what: string, forMs: number, mend: () => Promise<void> | void): void {
    const { clock, say } = this.#parts;
    say(what);
    const once = async (): Promise<void> => {
      if (!this.#mending.delete(once)) return;
      say(`${what}: over`);
      await mend();
    };
    this.#mending.add(once);
    clock.setTimer(forMs, () => void once());
  }

  /** One of several of the same version goes as it should, and comes back. */
  #leave(): void {
    const { workloads, random, clock } = this.#parts;
    const one = workloads.filter(({ setting }) => setting.name.endsWith('b'))[random.uint32() % 2];
    if (one?.up === undefined) return;
    one.leave();
    const gone = clock.setTimer(LEAVING_MS, () => one.stop());
    this.#broken(`${one.setting.name} leaves`, LEAVING_MS + 1_000, async () => {
      gone.cancel();
      one.stop();
      await one.start();
    });
  }

  #break(): void {
    const { workloads, random, network, control, watch } = this.#parts;
    const some = (n: number): number => random.uint32() % n;
    const one = workloads[some(6)] as SimWorkload;
    const anyone = workloads[some(workloads.length)] as SimWorkload;
    const forMs = 200 + some(4_000);
    switch (some(8)) {
      case 0:
      case 1:
        if (one.up === undefined) return;
        one.stop();
        return this.#broken(`${one.setting.name} dies`, forMs, () => one.start());
      case 2:
        if (!control.running) return;
        control.stop();
        return this.#broken('the control plane dies', forMs, async () => {
          watch.controlPlaneStarts();
          await control.start();
        });
      case 3:
        if (anyone.up !== undefined) control.cut(anyone.up.link);
        return this.#parts.say(`the link of ${anyone.setting.name} is cut`);
      case 4: {
        const link = anyone.up?.link;
        if (link === undefined || link.stalled) return;
        link.stalled = true;
        return this.#broken(`nothing reaches ${anyone.setting.name}`, forMs, () => {
          link.stalled = false;
        });
      }
      case 5: {
        if (network.slowness > 1) return;
        network.slowness = 20;
        return this.#broken('the network is slow', forMs, () => {
          network.slowness = 1;
        });
      }
      case 6: {
        let cut = 0;
        for (const wire of [...network.wires])
          if (some(3) === 0) {
            cut += 1;
            wire.cut();
          }
        return this.#parts.say(`${cut} connections are cut`);
      }
      default: {
        const clock = anyone.up?.clock;
        if (clock === undefined || clock.offsetMs !== 0) return;
        clock.offsetMs = (random.float() - 0.5) * 2 * CLOCK_JUMP_MS;
        return this.#broken(
          `the clock of ${anyone.setting.name} is wrong by ${Math.round(clock.offsetMs)} ms`,
          forMs,
          () => {
            clock.offsetMs = 0;
          },
        );
      }
    }
  }
}
