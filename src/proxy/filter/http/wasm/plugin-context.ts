// What every context of a plugin can do: read its configuration, be answered calls. The root context, which stands for the plugin itself.

import { type CallAnswer, type CallResult } from '../../call/cluster-call.ts';
import type { LocalReply } from '../../../http/filter.ts';
import { BUFFER, MAP } from './abi.ts';
import { type HeaderMap, plainMap, responseMap } from './header-map.ts';
import type { GuestContext, Machine, RootFacts } from './machine.ts';
import { propertyOf } from './properties.ts';
import type { PluginSettings } from './plugin-settings.ts';
import { WASM_LIMITS } from './limits.ts';
import type { Timer } from '#base';

export abstract class PluginContext implements GuestContext {
  readonly id: number;
  readonly machine: Machine;
  readonly settings: PluginSettings;
  abstract readonly root: RootFacts & { readonly id: number; readonly answer: CallAnswer | undefined };

  constructor(machine: Machine, settings: PluginSettings) {
    this.machine = machine;
    this.settings = settings;
    this.id = machine.nextId();
    machine.contexts.set(this.id, this);
  }

  map(type: number): HeaderMap | undefined {
    const { answer } = this.root;
    if (answer === undefined) return undefined;
    if (type === MAP.callHeaders) return responseMap(answer);
    return type === MAP.callTrailers && answer.trailers !== undefined ? plainMap(answer.trailers) : undefined;
  }

  mapChanged(_type: number): void {}

  buffer(type: number): Buffer | undefined {
    switch (type) {
      case BUFFER.callBody:
        return this.root.answer?.body;
      case BUFFER.vmConfiguration:
        return this.settings.vmConfiguration;
      case BUFFER.pluginConfiguration:
        return this.settings.configuration;
      default:
        return undefined;
    }
  }

  setBuffer(_type: number, _bytes: Buffer): boolean {
    return false;
  }

  property(path: readonly string[]): Buffer | undefined {
    return propertyOf(path, this.settings.facts, undefined);
  }

  setProperty(_path: readonly string[], _value: string): boolean {
    return false;
  }

  resume(_direction: number): boolean {
    return false;
  }

  close(): boolean {
    return false;
  }

  reply(_reply: LocalReply): boolean {
    return false;
  }

  clearRoute(): void {}

  done(): boolean {
    return false;
  }

  abstract machineFailed(): void;
}

export class RootContext extends PluginContext implements RootFacts {
  /** To the call whose callback runs. */
  answer: CallAnswer | undefined = undefined;
  readonly #failed: () => void;
  #tick: Timer | undefined = undefined;

  constructor(machine: Machine, settings: PluginSettings, failed: () => void) {
    super(machine, settings);
    this.#failed = failed;
  }

  get root(): this {
    return this;
  }

  get vmId(): string {
    return this.settings.facts.vmId;
  }

  get log() {
    return this.settings.log;
  }

  /** False when the plugin refuses what it was given, or broke. */
  start(): boolean {
    const { machine, settings, id } = this;
    const { on } = machine;
    machine.run(this, on.create, id, 0);
    return (
      (on.start === undefined || machine.run(this, on.start, id, settings.vmConfiguration.length) === 1) &&
      (on.configure === undefined || machine.run(this, on.configure, id, settings.configuration.length) === 1) &&
      machine.failure === undefined
    );
  }

  /** 0 ends it. */
  setTick(ms: number): void {
    this.#tick?.cancel();
    this.#tick = undefined;
    if (ms === 0) return;
    const every = Math.max(ms, WASM_LIMITS.tickMsMin);
    this.#tick = this.machine.parts.clock.setTimer(
      every,
      () => {
        this.setTick(every);
        this.machine.run(this, this.machine.on.tick, this.id);
      },
      { unref: true },
    );
  }

  /**
   * The guest is told as the plugin, whoever asked, and takes the stream's part by proxy_set_effective_context (as Envoy does). A call
   * that failed has no headers.
   */
  callAnswered(id: number, result: CallResult): void {
    const answer = result.ok ? result.answer : undefined;
    this.answer = answer;
    this.machine.run(
      this,
      this.machine.on.callResponse,
      this.id,
      id,
      answer === undefined ? 0 : answer.headers.count + 1,
      answer?.body.length ?? 0,
      answer?.trailers?.count ?? 0,
    );
    this.answer = undefined;
  }

  queueReady(queue: number): void {
    this.machine.run(this, this.machine.on.queueReady, this.id, queue);
  }

  /** The plugin is not used any more. */
  end(): void {
    const { machine } = this;
    this.setTick(0);
    if (machine.failure !== undefined) return;
    machine.run(this, machine.on.done, this.id);
    machine.run(this, machine.on.destroy, this.id);
    machine.contexts.delete(this.id);
  }

  machineFailed(): void {
    this.setTick(0);
    this.#failed();
  }
}
