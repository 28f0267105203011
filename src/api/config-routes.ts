// Configuration as the dashboard's editor needs it: an object's text, its history, and what an edit would be told.
import { type HttpAsked, type HttpRoute, jsonAnswer } from '#base';
import type { ApplyAsk } from './api-json.ts';
import { checkEdit, type Heeded, type TryEdit } from './check-edit.ts';
import type { ConfigHistory } from './config-history.ts';

export interface ConfigTexts {
  /** The object's document as its owner wrote it. */
  textOf(key: string): string | undefined;
}

export interface EditChecks {
  readonly tryEdit: TryEdit;
  readonly heeded: Heeded;
}

export function configRoutes(
  texts: ConfigTexts,
  history: ConfigHistory,
  { tryEdit, heeded }: EditChecks,
): readonly HttpRoute[] {
  return [
    { method: 'GET', path: '/api/v1/text/:kind/:namespace/:name', answer: (asked) => answerText(texts, asked) },
    { method: 'GET', path: '/api/v1/history', answer: () => jsonAnswer(history.recent()) },
    {
      method: 'GET',
      path: '/api/v1/history/:kind/:namespace/:name',
      answer: ({ params }) =>
        jsonAnswer(history.of(params['kind'] ?? '', plain(params['namespace']), params['name'] ?? '')),
    },
    // It changes nothing, and parsing what a foreign page sends is still work: so it needs the token as writes do.
    {
      method: 'POST',
      path: '/api/v1/check',
      write: true,
      answer: (asked) => jsonAnswer(checkEdit(JSON.parse(asked.body) as ApplyAsk, tryEdit, heeded)),
    },
  ];
}

function answerText(texts: ConfigTexts, { params }: HttpAsked) {
  const [kind, namespace, name] = [params['kind'] ?? '', plain(params['namespace']), params['name'] ?? ''];
  // Reading needs no token: what a Secret holds stays in its file.
  if (kind === 'Secret') return jsonAnswer({ error: 'the content of a Secret is not shown' }, 403);
  const text = texts.textOf(`${kind}/${namespace}/${name}`);
  return text === undefined
    ? jsonAnswer({ error: `no file says ${kind} ${namespace}/${name}` }, 404)
    : { type: 'text/yaml; charset=utf-8', body: text };
}

/** Objects of no namespace stand under '-'. */
function plain(namespace: string | undefined): string {
  return namespace === '-' || namespace === undefined ? '' : namespace;
}
