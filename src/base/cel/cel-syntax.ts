// Parses the Common Expression Language as far as telemetry needs it (cel.dev, language definition): no maps, no macros but has().
// Length and depth are limited, so that reading and running an expression takes linear time.

import { err, ok, type Result } from '../result.ts';
import { CelSyntaxError, type CelToken, readCelTokens } from './cel-tokens.ts';

export type CelNode =
  | { readonly is: 'value'; readonly value: string | number | boolean | null }
  | { readonly is: 'name'; readonly name: string }
  | { readonly is: 'field'; readonly of: CelNode; readonly name: string }
  | { readonly is: 'index'; readonly of: CelNode; readonly key: CelNode }
  | { readonly is: 'call'; readonly name: string; readonly of: CelNode | undefined; readonly args: readonly CelNode[] }
  | { readonly is: 'list'; readonly items: readonly CelNode[] }
  | { readonly is: 'not' | 'minus'; readonly of: CelNode }
  | { readonly is: 'binary'; readonly operator: CelOperator; readonly left: CelNode; readonly right: CelNode }
  | { readonly is: 'choice'; readonly test: CelNode; readonly yes: CelNode; readonly no: CelNode };

export type CelOperator = '||' | '&&' | '==' | '!=' | '<' | '<=' | '>' | '>=' | 'in' | '+' | '-' | '*' | '/' | '%';

/** Characters of one expression: as long as the longest that anybody wrote, several times over. */
export const MAX_CEL_LENGTH = 4_096;
/** Levels of parentheses and operators inside one another. */
const MAX_DEPTH = 64;

/** How many operands each function takes; a method has one before the dot. */
const FUNCTIONS: ReadonlyMap<string, { readonly method: boolean; readonly args: number }> = new Map([
  ['has', { method: false, args: 1 }],
  ['size', { method: false, args: 1 }],
  ['string', { method: false, args: 1 }],
  ['int', { method: false, args: 1 }],
  ['double', { method: false, args: 1 }],
  ['startsWith', { method: true, args: 1 }],
  ['endsWith', { method: true, args: 1 }],
  ['contains', { method: true, args: 1 }],
  ['matches', { method: true, args: 1 }],
  ['lowerAscii', { method: true, args: 0 }],
  ['upperAscii', { method: true, args: 0 }],
  ['trim', { method: true, args: 0 }],
]);

/** Operators from the loosest to the tightest. */
const LEVELS: readonly (readonly CelOperator[])[] = [
  ['||'],
  ['&&'],
  ['==', '!=', '<', '<=', '>', '>=', 'in'],
  ['+', '-'],
  ['*', '/', '%'],
];

export function parseCel(text: string): Result<CelNode, string> {
  if (text.length > MAX_CEL_LENGTH) return err(`it has ${text.length} characters; ${MAX_CEL_LENGTH} are allowed`);
  try {
    return ok(new Parser(readCelTokens(text)).whole());
  } catch (error) {
    if (error instanceof CelSyntaxError) return err(error.message);
    throw error;
  }
}

export function visitCel(node: CelNode, see: (node: CelNode) => void): void {
  see(node);
  for (const child of childrenOf(node)) visitCel(child, see);
}

function childrenOf(node: CelNode): readonly CelNode[] {
  switch (node.is) {
    case 'field':
    case 'not':
    case 'minus':
      return [node.of];
    case 'index':
      return [node.of, node.key];
    case 'call':
      return node.of === undefined ? node.args : [node.of, ...node.args];
    case 'list':
      return node.items;
    case 'binary':
      return [node.left, node.right];
    case 'choice':
      return [node.test, node.yes, node.no];
    default:
      return [];
  }
}

class Parser {
  readonly #tokens: readonly CelToken[];
  #at = 0;
  #depth = 0;

  constructor(tokens: readonly CelToken[]) {
    this.#tokens = tokens;
  }

  whole(): CelNode {
    if (this.#tokens.length === 0) throw new CelSyntaxError('it is empty');
    const node = this.#choice();
    const rest = this.#tokens[this.#at];
    if (rest !== undefined) throw new CelSyntaxError(`\`${rest.text}\` was not expected at character ${rest.at + 1}`);
    return node;
  }

  #choice(): CelNode {
    if (++this.#depth > MAX_DEPTH) throw new CelSyntaxError(`it is nested deeper than ${MAX_DEPTH} levels`);
    const test = this.#binary(0);
    let node = test;
    if (this.#take('?')) {
      const yes = this.#binary(0);
      this.#expect(':');
      node = { is: 'choice', test, yes, no: this.#choice() };
    }
    this.#depth--;
    return node;
  }

  #binary(level: number): CelNode {
    const operators = LEVELS[level];
    if (operators === undefined) return this.#unary();
    let left = this.#binary(level + 1);
    for (let count = 0; ; count++) {
      const token = this.#tokens[this.#at];
      const operator = operators.find((one) => token?.kind !== 'text' && token?.text === one);
      if (operator === undefined) return left;
      if (count > MAX_DEPTH * 4) throw new CelSyntaxError('it has too many operators in a row');
      this.#at++;
      left = { is: 'binary', operator, left, right: this.#binary(level + 1) };
    }
  }

  #unary(): CelNode {
    let signs = '';
    while (this.#peek('!') || this.#peek('-')) signs += this.#tokens[this.#at++]?.text ?? '';
    if (signs.length > MAX_DEPTH) throw new CelSyntaxError('it has too many signs in a row');
    let node = this.#member();
    for (const sign of [...signs].reverse()) node = { is: sign === '!' ? 'not' : 'minus', of: node };
    return node;
  }

  #member(): CelNode {
    let node = this.#primary();
    for (let count = 0; ; count++) {
      if (count > MAX_DEPTH) throw new CelSyntaxError(`it goes deeper than ${MAX_DEPTH} fields`);
      if (this.#take('.')) {
        const name = this.#name();
        node = this.#take('(') ? this.#call(name, node) : { is: 'field', of: node, name };
      } else if (this.#take('[')) {
        const key = this.#choice();
        this.#expect(']');
        node = { is: 'index', of: node, key };
      } else return node;
    }
  }

  #primary(): CelNode {
    const token = this.#tokens[this.#at];
    if (token === undefined) throw new CelSyntaxError('it ends too early');
    this.#at++;
    if (token.kind === 'text' || token.kind === 'number') return { is: 'value', value: token.value };
    if (token.text === '(') {
      const node = this.#choice();
      this.#expect(')');
      return node;
    }
    if (token.text === '[') return { is: 'list', items: this.#items(']') };
    if (token.kind !== 'name')
      throw new CelSyntaxError(`\`${token.text}\` was not expected at character ${token.at + 1}`);
    if (token.text === 'true' || token.text === 'false') return { is: 'value', value: token.text === 'true' };
    if (token.text === 'null') return { is: 'value', value: null };
    return this.#take('(') ? this.#call(token.text, undefined) : { is: 'name', name: token.text };
  }

  /** The opening parenthesis is read. */
  #call(name: string, of: CelNode | undefined): CelNode {
    const known = FUNCTIONS.get(name);
    // size is a function and a method, as CEL has it.
    const method = of !== undefined;
    if (known === undefined || (known.method !== method && name !== 'size'))
      throw new CelSyntaxError(`there is no ${method ? 'method' : 'function'} \`${name}\``);
    const args = this.#items(')');
    const wanted = name === 'size' && method ? 0 : known.args;
    if (args.length !== wanted)
      throw new CelSyntaxError(`\`${name}\` takes ${wanted} argument${wanted === 1 ? '' : 's'}`);
    const first = args[0];
    if (name === 'has' && first?.is !== 'field')
      throw new CelSyntaxError('`has` takes a field, such as `has(request.id)`');
    if (name === 'matches' && (first?.is !== 'value' || typeof first.value !== 'string'))
      throw new CelSyntaxError('`matches` takes a pattern that is written out');
    return { is: 'call', name, of, args };
  }

  #items(end: string): readonly CelNode[] {
    const items: CelNode[] = [];
    while (!this.#take(end)) {
      if (items.length > 0) {
        this.#expect(',');
        if (this.#take(end)) break;
      }
      items.push(this.#choice());
    }
    return items;
  }

  #name(): string {
    const token = this.#tokens[this.#at];
    if (token?.kind !== 'name') throw new CelSyntaxError('a name must follow the dot');
    this.#at++;
    return token.text;
  }

  #peek(text: string): boolean {
    const token = this.#tokens[this.#at];
    return token?.kind === 'sign' && token.text === text;
  }

  #take(text: string): boolean {
    if (!this.#peek(text)) return false;
    this.#at++;
    return true;
  }

  #expect(text: string): void {
    if (this.#take(text)) return;
    const found = this.#tokens[this.#at];
    throw new CelSyntaxError(
      `\`${text}\` was expected ${found === undefined ? 'at the end' : `before \`${found.text}\``}`,
    );
  }
}
