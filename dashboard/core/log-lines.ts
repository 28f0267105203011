// What a line of a workload's log tells: an access log entry in JSON or in Envoy's text form, an entry of the agent's own log, or
// the application's own words. A line is only ever text: control characters show as their escapes.
import { visibleText } from '../../src/base/visible-text.ts';

export interface LogLine {
  readonly kind: 'access' | 'agent' | 'app';
  /** hh:mm:ss.mmm of the writer, '' where the line has no time. */
  readonly time: string;
  readonly level: string;
  /** Of an access log: `GET reviews:9080/reviews/0`. */
  readonly words: string;
  /** Of an access log. */
  readonly status: number;
  readonly flags: string;
  readonly durationMs: number | null;
  readonly to: string;
  readonly requestId: string;
  readonly raw: string;
}

const AGENT = /^(\d{4}-\d\d-\d\dT[\d:.]+Z)\t(debug|info|warn|error|fatal)\t([\s\S]*)$/;
/** Istio's default text form: time, request, code, flags, …, duration, …, request id, authority, host, cluster. */
const TEXT =
  /^\[(\d{4}-\d\d-\d\dT[\d:.]+Z)\] "(\S+) (\S*) ?(\S*)" (\d+) (\S+) \S+ \S+ "[^"]*" \d+ \d+ (\d+) \S+ "[^"]*" "[^"]*" "([^"]*)" "([^"]*)" "([^"]*)" (\S+)/;
const NONE = { level: '', status: 0, flags: '', durationMs: null, to: '', requestId: '' } as const;

export function readLogLine(line: string): LogLine {
  const raw = visibleText(line);
  return accessOf(raw) ?? textAccessOf(raw) ?? agentOf(raw) ?? { ...NONE, kind: 'app', time: '', words: raw, raw };
}

function accessOf(raw: string): LogLine | undefined {
  if (!raw.startsWith('{')) return undefined;
  let entry: Record<string, unknown>;
  try {
    entry = JSON.parse(raw) as Record<string, unknown>;
  } catch {
    return undefined;
  }
  if (!('response_code' in entry) || !('start_time' in entry)) return undefined;
  const text = (name: string): string => (typeof entry[name] === 'string' && entry[name] !== '-' ? entry[name] : '');
  const number = (name: string): number => (typeof entry[name] === 'number' ? entry[name] : 0);
  const method = text('method');
  return {
    kind: 'access',
    time: clockOf(text('start_time')),
    level: '',
    words:
      method === '' ? `TCP to ${text('upstream_host') || 'nobody'}` : `${method} ${text('authority')}${text('path')}`,
    status: number('response_code'),
    flags: text('response_flags'),
    durationMs: number('duration'),
    to: text('upstream_host'),
    requestId: text('request_id'),
    raw,
  };
}

function textAccessOf(raw: string): LogLine | undefined {
  const found = TEXT.exec(raw);
  if (found === null) return undefined;
  const [, time = '', method = '', path = '', , status = '', flags = '', took = '', id = '', host = '', to = ''] =
    found;
  return {
    kind: 'access',
    time: clockOf(time),
    level: '',
    words: `${method} ${host}${path}`,
    status: Number(status),
    flags: flags === '-' ? '' : flags,
    durationMs: Number(took),
    to: to === '-' ? '' : to,
    requestId: id === '-' ? '' : id,
    raw,
  };
}

function agentOf(raw: string): LogLine | undefined {
  const found = AGENT.exec(raw);
  if (found === null) return undefined;
  const [, time = '', level = '', words = ''] = found;
  return { ...NONE, kind: 'agent', time: clockOf(time), level, words: words.replaceAll('\t', '  '), raw };
}

function clockOf(time: string): string {
  return /T(\d\d:\d\d:\d\d(?:\.\d{3})?)/.exec(time)?.[1] ?? '';
}
