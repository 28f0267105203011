// Cuts a watch's bytes into events: one JSON object a line, lines bounded.

import { EVENT_CHARACTERS } from './limits.ts';
import type { KubeObject } from './object.ts';

export interface WatchEvent {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR';
  readonly object: KubeObject;
}

const TYPES: ReadonlySet<unknown> = new Set(['ADDED', 'MODIFIED', 'DELETED', 'BOOKMARK', 'ERROR']);

export class WatchLines {
  #rest = '';

  /** Events that are complete now; undefined when the stream is not a watch. */
  push(text: string): WatchEvent[] | undefined {
    const whole = this.#rest + text;
    const events: WatchEvent[] = [];
    let from = 0;
    for (;;) {
      const end = whole.indexOf('\n', from);
      if (end === -1) break;
      const line = whole.slice(from, end);
      from = end + 1;
      if (line.trim() === '') continue;
      const event = readEvent(line);
      if (event === undefined) return undefined;
      events.push(event);
    }
    this.#rest = whole.slice(from);
    return this.#rest.length > EVENT_CHARACTERS ? undefined : events;
  }
}

function readEvent(line: string): WatchEvent | undefined {
  try {
    const event = JSON.parse(line) as Partial<WatchEvent> | null;
    if (event === null || !TYPES.has(event.type) || typeof event.object !== 'object' || event.object === null)
      return undefined;
    return event as WatchEvent;
  } catch {
    return undefined;
  }
}
