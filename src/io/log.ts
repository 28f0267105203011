// Log lines as istiod prints them: time, level, scope, message, fields; text or JSON, to stderr.
import { writeSync } from 'node:fs';
import { type LogFields, type Logger, type LogLevel, visibleText } from '#base';

const RANK: Readonly<Record<LogLevel, number>> = { debug: 0, info: 1, warn: 2, error: 3 };

/** Levels by scope, which may change while the process runs. */
export class LogLevels {
  readonly #scopes = new Map<string, { level: LogLevel; rank: number }>();
  #level: LogLevel;

  constructor(level: LogLevel, scopes: Readonly<Record<string, LogLevel>> = {}) {
    this.#level = level;
    for (const [scope, own] of Object.entries(scopes)) this.#scopes.set(scope, { level: own, rank: RANK[own] });
  }

  /** Known since a logger of that scope was made. */
  all(): ReadonlyMap<string, LogLevel> {
    return new Map([...this.#scopes].sort(([a], [b]) => (a < b ? -1 : 1)).map(([scope, { level }]) => [scope, level]));
  }

  /** Undefined sets all. False when there is no such scope. */
  set(scope: string | undefined, level: LogLevel): boolean {
    const changed = scope === undefined ? [...this.#scopes.values()] : [this.#scopes.get(scope)];
    if (scope === undefined) this.#level = level;
    for (const one of changed) {
      if (one === undefined) return false;
      one.level = level;
      one.rank = RANK[level];
    }
    return true;
  }

  stateOf(scope: string): { readonly rank: number } {
    let state = this.#scopes.get(scope);
    if (state === undefined) this.#scopes.set(scope, (state = { level: this.#level, rank: RANK[this.#level] }));
    return state;
  }
}

export interface StreamLoggerOptions {
  readonly level: LogLevel;
  readonly json?: boolean;
  /** Levels of single scopes: { xds: 'debug' }. */
  readonly scopes?: Readonly<Record<string, LogLevel>>;
  /** Shared with whoever changes levels later; `level` and `scopes` are then its own. */
  readonly levels?: LogLevels;
  /** Where lines go; default stderr. */
  readonly write?: (line: string) => void;
}

export function createLogger(options: StreamLoggerOptions): Logger {
  return new StreamLogger(options, options.levels ?? new LogLevels(options.level, options.scopes), 'default');
}

class StreamLogger implements Logger {
  readonly #options: StreamLoggerOptions;
  readonly #scope: string;
  readonly #levels: LogLevels;
  readonly #state: { readonly rank: number };

  constructor(options: StreamLoggerOptions, levels: LogLevels, scope: string) {
    this.#options = options;
    this.#levels = levels;
    this.#scope = scope;
    this.#state = levels.stateOf(scope);
  }

  debug(message: string, fields?: LogFields): void {
    if (this.#state.rank <= RANK.debug) this.#print('debug', message, fields);
  }
  info(message: string, fields?: LogFields): void {
    if (this.#state.rank <= RANK.info) this.#print('info', message, fields);
  }
  warn(message: string, fields?: LogFields): void {
    if (this.#state.rank <= RANK.warn) this.#print('warn', message, fields);
  }
  error(message: string, fields?: LogFields): void {
    this.#print('error', message, fields);
  }
  scope(name: string): Logger {
    return new StreamLogger(this.#options, this.#levels, name);
  }

  #print(level: LogLevel, message: string, fields: LogFields | undefined): void {
    const time = new Date().toISOString();
    const write = this.#options.write ?? writeStderr;
    if (this.#options.json === true) {
      write(`${JSON.stringify({ time, level, scope: this.#scope, msg: message, ...fields })}\n`);
      return;
    }
    let line = `${time}\t${level}\t${this.#scope}\t${message}`;
    for (const [key, value] of Object.entries(fields ?? {})) {
      if (value !== undefined)
        line += ` ${key}=${typeof value === 'string' && /[\s"=]/.test(value) ? JSON.stringify(value) : visibleText(String(value))}`;
    }
    write(`${line}\n`);
  }
}

function writeStderr(line: string): void {
  try {
    writeSync(2, line);
  } catch {
    // A full or closed pipe must not take the process down: this line is lost.
  }
}
