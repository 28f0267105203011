// Turns a parsed CEL expression into a function of a finished stream. An attribute that is missing is an error,
// as in Envoy; && and || decide without it where they can; patterns run in an engine of linear time only.

import { type CelNode, type CelOperator, celPathOf, err, ok, parseCel, type Result } from '#base';
import { attributeOf, type CelContext } from './attributes.ts';

/** Undefined: an error, such as a missing attribute or operands that do not go together. */
export type CelValue = string | number | boolean | null | readonly CelValue[] | undefined;
export type CelProgram = (context: CelContext) => CelValue;

export interface CelTools {
  /** Does the pattern (RE2) match some part of a text? Throws on a pattern that is not legal. */
  readonly pattern: (source: string) => (text: string) => boolean;
}

/** The error is a sentence about what the expression holds. */
export function compileCel(text: string, tools: CelTools): Result<CelProgram, string> {
  const parsed = parseCel(text);
  if (!parsed.ok) return parsed;
  try {
    return ok(compile(parsed.value, tools));
  } catch (error) {
    return err((error as Error).message);
  }
}

function compile(node: CelNode, tools: CelTools): CelProgram {
  switch (node.is) {
    case 'value': {
      const { value } = node;
      return () => value;
    }
    case 'name':
    case 'field':
    case 'index':
      return compileAttribute(node, tools);
    case 'list': {
      const items = node.items.map((item) => compile(item, tools));
      return (c) => items.map((item) => item(c));
    }
    case 'not': {
      const of = compile(node.of, tools);
      return (c) => {
        const value = of(c);
        return typeof value === 'boolean' ? !value : undefined;
      };
    }
    case 'minus': {
      const of = compile(node.of, tools);
      return (c) => {
        const value = of(c);
        return typeof value === 'number' ? -value : undefined;
      };
    }
    case 'choice': {
      const [test, yes, no] = [compile(node.test, tools), compile(node.yes, tools), compile(node.no, tools)];
      return (c) => {
        const value = test(c);
        return typeof value !== 'boolean' ? undefined : value ? yes(c) : no(c);
      };
    }
    case 'call':
      return compileCall(node, tools);
    default:
      return compileBinary(node.operator, compile(node.left, tools), compile(node.right, tools));
  }
}

/** `request.headers['x-id']` is one attribute: the names on the way to it are no values of their own. */
function compileAttribute(node: CelNode, tools: CelTools): CelProgram {
  const path = celPathOf(node);
  if (path !== undefined) return attributeOf(path);
  if (node.is !== 'index') throw new Error('only attributes have fields');
  const list = compile(node.of, tools);
  const key = compile(node.key, tools);
  return (c) => {
    const [items, at] = [list(c), key(c)];
    return Array.isArray(items) && typeof at === 'number' ? (items[at] as CelValue) : undefined;
  };
}

function compileCall(node: CelNode & { readonly is: 'call' }, tools: CelTools): CelProgram {
  const [first] = node.args;
  if (node.name === 'has') {
    const program = compile(first as CelNode, tools);
    return (c) => {
      const value = program(c);
      return value !== undefined && value !== '';
    };
  }
  const operand = compile((node.of ?? first) as CelNode, tools);
  if (node.name === 'matches') {
    const matches = tools.pattern((first as { readonly value: string }).value);
    return (c) => {
      const text = operand(c);
      return typeof text === 'string' ? matches(text) : undefined;
    };
  }
  const apply = FUNCTIONS[node.name] as (value: CelValue, argument: CelValue) => CelValue;
  const argument = node.of === undefined || first === undefined ? undefined : compile(first, tools);
  return (c) => apply(operand(c), argument?.(c));
}

const onText =
  (apply: (text: string, argument: string) => CelValue) =>
  (value: CelValue, argument: CelValue): CelValue =>
    typeof value === 'string' && typeof argument === 'string' ? apply(value, argument) : undefined;
const ofText =
  (apply: (text: string) => CelValue) =>
  (value: CelValue): CelValue =>
    typeof value === 'string' ? apply(value) : undefined;

const FUNCTIONS: Readonly<Record<string, (value: CelValue, argument: CelValue) => CelValue>> = {
  startsWith: onText((text, start) => text.startsWith(start)),
  endsWith: onText((text, end) => text.endsWith(end)),
  contains: onText((text, part) => text.includes(part)),
  lowerAscii: ofText((text) => text.toLowerCase()),
  upperAscii: ofText((text) => text.toUpperCase()),
  trim: ofText((text) => text.trim()),
  size: (value) => (typeof value === 'string' || Array.isArray(value) ? value.length : undefined),
  string: (value) => (value === null || value === undefined || Array.isArray(value) ? undefined : String(value)),
  int: (value) => numberOf(value, Math.trunc),
  double: (value) => numberOf(value, (n) => n),
};

function numberOf(value: CelValue, round: (n: number) => number): CelValue {
  const number =
    typeof value === 'number' ? value : typeof value === 'string' && value.trim() !== '' ? Number(value) : Number.NaN;
  return Number.isNaN(number) ? undefined : round(number);
}

function compileBinary(operator: CelOperator, left: CelProgram, right: CelProgram): CelProgram {
  if (operator === '&&' || operator === '||') {
    const decides = operator === '||';
    return (c) => {
      const a = left(c);
      if (a === decides) return decides;
      const b = right(c);
      if (b === decides) return decides;
      return typeof a === 'boolean' && typeof b === 'boolean' ? !decides : undefined;
    };
  }
  const apply = OPERATORS[operator];
  return (c) => {
    const a = left(c);
    if (a === undefined) return undefined;
    const b = right(c);
    return b === undefined ? undefined : apply(a, b);
  };
}

type Binary = (a: CelValue, b: CelValue) => CelValue;

function ordered(holds: (a: number | string, b: number | string) => boolean): Binary {
  return (a, b) =>
    (typeof a === 'number' && typeof b === 'number') || (typeof a === 'string' && typeof b === 'string')
      ? holds(a, b)
      : undefined;
}

function counted(apply: (a: number, b: number) => number | undefined): Binary {
  return (a, b) => (typeof a === 'number' && typeof b === 'number' ? apply(a, b) : undefined);
}

const OPERATORS: Readonly<Record<Exclude<CelOperator, '&&' | '||'>, Binary>> = {
  '==': (a, b) => same(a, b),
  '!=': (a, b) => !same(a, b),
  '<': ordered((a, b) => a < b),
  '<=': ordered((a, b) => a <= b),
  '>': ordered((a, b) => a > b),
  '>=': ordered((a, b) => a >= b),
  in: (a, b) => (Array.isArray(b) ? b.some((item) => same(a, item)) : undefined),
  '+': (a, b) => {
    if (typeof a === 'number' && typeof b === 'number') return a + b;
    return typeof a === 'string' && typeof b === 'string' ? a + b : undefined;
  },
  '-': counted((a, b) => a - b),
  '*': counted((a, b) => a * b),
  '/': counted((a, b) =>
    b === 0 ? undefined : Number.isInteger(a) && Number.isInteger(b) ? Math.trunc(a / b) : a / b,
  ),
  '%': counted((a, b) => (b === 0 ? undefined : a % b)),
};

function same(a: CelValue, b: CelValue): boolean {
  if (Array.isArray(a) && Array.isArray(b)) return a.length === b.length && a.every((one, i) => same(one, b[i]));
  return a === b;
}
