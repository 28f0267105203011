// /stats, /stats/prometheus and /memory.

import type { StreamedAnswer } from '#base';
import { renderJson, type RenderOptions, renderPrometheus, renderText } from '#telemetry';
import type { AdminView } from './admin-view.ts';
import { json, text } from './answers.ts';
import { compileNameFilter } from './name-filter.ts';

export async function statsPage(view: AdminView, query: URLSearchParams): Promise<StreamedAnswer> {
  const options = await renderOptions(query);
  switch (query.get('format') ?? 'text') {
    case 'prometheus':
      return { status: 200, contentType: PROMETHEUS_TYPE, body: renderPrometheus(view.stats, options) };
    case 'json':
      return { status: 200, contentType: 'application/json', body: renderJson(view.stats, options) };
    case 'text':
      return { status: 200, contentType: 'text/plain; charset=UTF-8', body: renderText(view.stats, options) };
    default:
      return text('usage: /stats?format=(json|prometheus|text)\n\n', 400);
  }
}

export async function prometheusPage(view: AdminView, query: URLSearchParams): Promise<StreamedAnswer> {
  return { status: 200, contentType: PROMETHEUS_TYPE, body: renderPrometheus(view.stats, await renderOptions(query)) };
}

export function memoryPage(view: AdminView): StreamedAnswer {
  const { allocated, heapSize, resident } = view.memory();
  return json({
    allocated: String(allocated),
    heap_size: String(heapSize),
    pageheap_unmapped: '0',
    pageheap_free: String(Math.max(0, heapSize - allocated)),
    total_thread_cache: '0',
    total_physical_bytes: String(resident),
  });
}

const PROMETHEUS_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

async function renderOptions(query: URLSearchParams): Promise<RenderOptions> {
  const accept = await compileNameFilter(query.get('filter'));
  const invert = query.has('invert_filter');
  return {
    usedOnly: query.has('usedonly') && query.get('usedonly') !== 'false',
    ...(accept === undefined ? {} : { accept: invert ? (name: string) => !accept(name) : accept }),
  };
}
