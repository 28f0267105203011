// Reads a plain value by a schema into a frozen value, or problems: proto JSON's rules (proto3 JSON mapping), strict about unknown names.

import { nearest } from '#base';
import { parseDuration } from '../model/duration.ts';
import type { Force, ForceNode } from '../model/force.ts';
import { expectedText, type Shape } from '../model/shape.ts';
import { MAX_DEPTH, MAX_VALUES } from '../limits.ts';
import { type Path, type Problems, shown, type Step } from '../problem.ts';
import { re2Problem } from './regex.ts';

export interface ReadOptions {
  /** Unknown names are errors in Istio's kinds, warnings in core kinds and MeshConfig (Istio's leniency). */
  readonly unknown: 'TS-CFG-0101' | 'TS-CFG-0114';
  readonly force?: ForceNode;
}

class Reader {
  readonly problems: Problems;
  readonly options: ReadOptions;
  readonly path: Step[];
  #values = 0;
  #tooLarge = false;
  /** What has been said about the force of the fields above. */
  #said: Force = 'inForce';

  constructor(problems: Problems, options: ReadOptions, path: Path) {
    this.problems = problems;
    this.options = options;
    this.path = [...path];
  }

  get #field(): string {
    return String(this.path.findLast((step) => typeof step === 'string') ?? 'the document');
  }

  /** True when the document costs more than it may; said once. */
  #exhausted(depth: number): boolean {
    if (++this.#values <= MAX_VALUES && depth <= MAX_DEPTH) return false;
    if (!this.#tooLarge) this.problems.say('TS-CFG-0003', this.path, { depth: MAX_DEPTH });
    this.#tooLarge = true;
    return true;
  }

  #wrong(shape: Shape, value: unknown, hint = ''): undefined {
    const expected = expectedText(shape) + hint;
    this.problems.say('TS-CFG-0102', this.path, { field: this.#field, expected, found: shown(value) }, { expected });
    return undefined;
  }

  read(shape: Shape, value: unknown, force: ForceNode | undefined, depth: number): unknown {
    if (this.#tooLarge || this.problems.full || this.#exhausted(depth)) return undefined;
    if (shape['x-kubernetes-int-or-string'] === true) {
      return typeof value === 'number' || typeof value === 'string' ? value : this.#wrong(shape, value);
    }
    if (shape['x-kubernetes-preserve-unknown-fields'] === true) return this.#any(shape, value, depth);
    switch (shape.type) {
      case 'object':
        return shape.additionalProperties === undefined
          ? this.#message(shape, value, force, depth)
          : this.#dict(shape, value, force, depth);
      case 'array':
        return this.#list(shape, value, force, depth);
      case 'string':
        return shape.enum === undefined ? this.#text(shape, value) : this.#name(shape, value, force);
      case 'integer':
      case 'number':
        return this.#number(shape, value);
      case 'boolean':
        return typeof value === 'boolean' ? value : this.#wrong(shape, value);
      default:
        return this.#any(shape, value, depth);
    }
  }

  #message(shape: Shape, value: unknown, force: ForceNode | undefined, depth: number): unknown {
    if (!isMapping(value)) return this.#wrong(shape, value);
    const properties = shape.properties ?? {};
    const result: Record<string, unknown> = {};
    for (const [written, child] of Object.entries(value)) {
      const name = this.#nameOf(written, properties);
      if (name === undefined || child === null || child === undefined) continue;
      const childShape = properties[name] as Shape;
      const childForce = force?.properties.get(name);
      this.path.push(written);
      if (childShape.deprecated !== undefined) {
        this.problems.say(
          'TS-CFG-0112',
          this.path,
          { field: written, instead: childShape.deprecated },
          { atKey: true },
        );
      }
      const said = this.#said;
      this.#said = this.#checkForce(written, childForce, said);
      const read = this.read(childShape, child, childForce, depth + 1);
      this.#said = said;
      this.path.pop();
      if (read !== undefined) result[name] = read;
    }
    this.#checkPresence(shape, value, result);
    return Object.freeze(result);
  }

  #nameOf(written: string, properties: Readonly<Record<string, Shape>>): string | undefined {
    if (Object.hasOwn(properties, written)) return written;
    const camel = written.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
    if (Object.hasOwn(properties, camel)) {
      this.problems.say(
        'TS-CFG-0113',
        [...this.path, written],
        { field: written, name: camel },
        { expected: camel, atKey: true },
      );
      return camel;
    }
    this.problems.say(
      this.options.unknown,
      [...this.path, written],
      { field: written },
      { nearest: nearest(written, Object.keys(properties)), atKey: true },
    );
    return undefined;
  }

  /** Says it at the highest field that is not in force, not again for what is below it. Returns what has been said so far. */
  #checkForce(field: string, own: ForceNode | undefined, said: Force): Force {
    if (own === undefined || own.mixed || own.force === said) return said;
    if (own.force === 'inForce') return own.force;
    this.problems.say(own.force === 'refused' ? 'TS-CFG-0202' : 'TS-CFG-0201', this.path, { field }, { atKey: true });
    return own.force;
  }

  #checkPresence(
    shape: Shape,
    value: Readonly<Record<string, unknown>>,
    result: Readonly<Record<string, unknown>>,
  ): void {
    for (const name of shape.required ?? []) {
      if (!isWritten(value, name))
        this.problems.say(
          'TS-CFG-0103',
          [...this.path, name],
          { field: name },
          { expected: expectedText(shape.properties?.[name] ?? {}) },
        );
    }
    for (const choice of shape.choices ?? []) {
      // What is written and could not be read counts: its own complaint says what is wrong with it.
      const set = choice.fields.filter((name) => Object.hasOwn(result, name) || isWritten(value, name));
      const fields = choice.fields.join(', ');
      if (set.length > 1)
        this.problems.say(
          'TS-CFG-0108',
          [...this.path, set[1] as string],
          { fields, found: set.join(' and ') },
          { atKey: true },
        );
      else if (set.length === 0 && choice.required === true)
        this.problems.say('TS-CFG-0109', this.path, { fields }, { expected: fields });
    }
  }

  #dict(shape: Shape, value: unknown, force: ForceNode | undefined, depth: number): unknown {
    if (!isMapping(value)) return this.#wrong(shape, value);
    const entries = Object.entries(value);
    this.#checkCount(entries.length, shape.minProperties, shape.maxProperties);
    const result: Record<string, unknown> = {};
    for (const [key, child] of entries) {
      this.path.push(key);
      if (key === '__proto__') this.problems.say('TS-CFG-0101', this.path, { field: key }, { atKey: true });
      else if (child === null) this.problems.say('TS-CFG-0110', this.path, { field: key });
      else {
        const read = this.read(shape.additionalProperties as Shape, child, force?.item, depth + 1);
        if (read !== undefined) result[key] = read;
      }
      this.path.pop();
    }
    return Object.freeze(result);
  }

  #list(shape: Shape, value: unknown, force: ForceNode | undefined, depth: number): unknown {
    if (!Array.isArray(value)) return this.#wrong(shape, value, '; begin each item with `- `');
    this.#checkCount(value.length, shape.minItems, shape.maxItems);
    const result: unknown[] = [];
    for (let i = 0; i < value.length && !this.problems.full && !this.#tooLarge; i++) {
      this.path.push(i);
      if (value[i] === null || value[i] === undefined)
        this.problems.say('TS-CFG-0110', this.path, { field: this.#field });
      else {
        const read = this.read(shape.items as Shape, value[i], force?.item, depth + 1);
        if (read !== undefined) result.push(read);
      }
      this.path.pop();
    }
    return Object.freeze(result);
  }

  #checkCount(found: number, least: number | undefined, most: number | undefined): void {
    if (least !== undefined && found < least) this.#outside(`${found} items long`, `at least ${least}`);
    if (most !== undefined && found > most) this.#outside(`${found} items long`, `at most ${most}`);
  }

  #outside(found: string, expected: string): void {
    this.problems.say('TS-CFG-0105', this.path, { field: this.#field, found, expected }, { expected });
  }

  #text(shape: Shape, value: unknown): unknown {
    if (typeof value !== 'string') {
      const hint = typeof value === 'number' || typeof value === 'boolean' ? `: put ${String(value)} in quotes` : '';
      return shape.format === 'duration' ? this.#notADuration(value) : this.#wrong(shape, value, hint);
    }
    const length = value.length;
    if (shape.minLength !== undefined && length < shape.minLength)
      this.#outside(`${length} characters long`, `at least ${shape.minLength}`);
    if (shape.maxLength !== undefined && length > shape.maxLength)
      this.#outside(`${length} characters long`, `at most ${shape.maxLength}`);
    else if (shape.format === 're2') this.#pattern(value);
    if (shape.pattern !== undefined && !new RegExp(shape.pattern).test(value)) {
      this.problems.say('TS-CFG-0115', this.path, { field: this.#field, pattern: shape.pattern });
    }
    if (shape.format === 'duration') this.#duration(shape, value);
    if (shape.format === 'byte' && !isBase64(value))
      this.problems.say('TS-CFG-0111', this.path, { field: this.#field });
    return value;
  }

  #pattern(value: string): void {
    const reason = re2Problem(value);
    if (reason !== undefined) this.problems.say('TS-CFG-0107', this.path, { value: shown(value), reason });
  }

  #notADuration(value: unknown): undefined {
    const expected = typeof value === 'number' ? `${value}s, or another unit` : 'a number and a unit';
    this.problems.say('TS-CFG-0106', this.path, { value: shown(value) }, { expected });
    return undefined;
  }

  #duration(shape: Shape, value: string): void {
    const ms = parseDuration(value);
    if (ms === undefined) return this.#notADuration(value);
    const least = shape.minimumMs ?? 1;
    if (ms < least) this.#outside(value, `at least ${least}ms`);
    else if (ms % 1 !== 0) this.#outside(value, 'a whole number of milliseconds');
  }

  #number(shape: Shape, value: unknown): unknown {
    const number = typeof value === 'string' && /^-?\d+(\.\d+)?([eE][-+]?\d+)?$/.test(value) ? Number(value) : value;
    if (typeof number !== 'number' || !Number.isFinite(number)) return this.#wrong(shape, value);
    if (shape.type === 'integer' && !Number.isSafeInteger(number)) return this.#wrong(shape, value);
    const { minimum, maximum } = shape;
    if ((minimum !== undefined && number < minimum) || (maximum !== undefined && number > maximum)) {
      this.#outside(
        String(number),
        maximum === undefined ? `at least ${minimum}` : `${minimum ?? 'at most'} to ${maximum}`,
      );
    }
    return number;
  }

  #name(shape: Shape, value: unknown, force: ForceNode | undefined): unknown {
    const values = shape.enum as readonly string[];
    const name =
      typeof value === 'number' ? values[shape.numbers === undefined ? value : shape.numbers.indexOf(value)] : value;
    if (typeof name !== 'string' || !values.includes(name)) {
      const expected = values.join(', ');
      this.problems.say(
        'TS-CFG-0104',
        this.path,
        { value: shown(value), field: this.#field },
        { expected, nearest: typeof value === 'string' ? nearest(value, values) : undefined },
      );
      return undefined;
    }
    const own = force?.values === undefined ? undefined : (force.values.get(name) ?? force.force);
    if (own === 'refused') this.problems.say('TS-CFG-0202', this.path, { field: `${this.#field}: ${name}` });
    if (own === 'acceptedWithWarning')
      this.problems.say('TS-CFG-0201', this.path, { field: `${this.#field}: ${name}` });
    return name;
  }

  #any(shape: Shape, value: unknown, depth: number): unknown {
    if (shape.type === 'object' && !isMapping(value)) return this.#wrong(shape, value);
    return this.#copy(value, depth);
  }

  #copy(value: unknown, depth: number): unknown {
    if (this.#tooLarge || this.#exhausted(depth)) return undefined;
    if (Array.isArray(value)) return Object.freeze(value.map((item) => this.#copy(item, depth + 1)));
    if (!isMapping(value)) return value;
    const result: Record<string, unknown> = {};
    for (const [key, child] of Object.entries(value))
      if (key !== '__proto__') result[key] = this.#copy(child, depth + 1);
    return Object.freeze(result);
  }
}

export function isMapping(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function snake(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** Under its name, or as protobuf spells it; null is nothing. */
function isWritten(value: Readonly<Record<string, unknown>>, name: string): boolean {
  const written = value[name] ?? value[snake(name)];
  return written !== null && written !== undefined;
}

function isBase64(value: string): boolean {
  const text = value.replace(/\s/g, '');
  return text.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(text);
}

/** The frozen value; what is wrong goes to `problems`, and then the value is not to be used. */
export function readBySchema(
  shape: Shape,
  value: unknown,
  problems: Problems,
  options: ReadOptions,
  path: Path = [],
): unknown {
  return new Reader(problems, options, path).read(shape, value, options.force, 0);
}
