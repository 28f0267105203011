// Log lines as istiod prints them: time, level, scope, message, fields; text or JSON, to stderr.
import { writeSync } from 'node:fs';
import type { LogFields, Logger, LogLevel } from '#base';

const RANK: Readonly<Record<LogLevel, number>> = { debug: 0, info: 1, warn: 2, error: 3 };

export interface StreamLoggerOptions {
  readonly level: LogLevel;
  readonly json?: boolean;
  /** Levels of single scopes: { xds: 'debug' }. */
  readonly scopes?: Readonly<Record<string, LogLevel>>;
  /** Where lines go; default stderr. */
  readonly write?: (line: string) => void;
}

export function createLogger(options: StreamLoggerOptions): Logger {
  return new StreamLogger(options, 'default');
}

class StreamLogger implements Logger {
  readonly #options: StreamLoggerOptions;
  readonly #scope: string;
  readonly #rank: number;

  constructor(options: StreamLoggerOptions, scope: string) {
    this.#options = options;
    this.#scope = scope;
    this.#rank = RANK[options.scopes?.[scope] ?? options.level];
  }

  debug(message: string, fields?: LogFields): void {
    if (this.#rank <= RANK.debug) this.#print('debug', message, fields);
  }
  info(message: string, fields?: LogFields): void {
    if (this.#rank <= RANK.info) this.#print('info', message, fields);
  }
  warn(message: string, fields?: LogFields): void {
    if (this.#rank <= RANK.warn) this.#print('warn', message, fields);
  }
  error(message: string, fields?: LogFields): void {
    this.#print('error', message, fields);
  }
  scope(name: string): Logger {
    return new StreamLogger(this.#options, name);
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
      if (value !== undefined) line += ` ${key}=${typeof value === 'string' && /[\s"=]/.test(value) ? JSON.stringify(value) : String(value)}`;
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
