import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createAdminHandler } from '../admin/admin-routes.ts';
import { fakeAdminView } from '../admin/fake-admin-view.ts';
import type { DumpApart } from './dump-view.ts';

const { signal } = new AbortController();

/** How often `apart` was asked, and the answer. */
async function ask(
  query: string,
  method = 'GET',
  apart: DumpApart = async () => ({ status: 200, contentType: 'application/json', body: 'from elsewhere' }),
): Promise<{ readonly asked: number; readonly status: number; readonly body: string }> {
  let asked = 0;
  const view = {
    ...fakeAdminView(),
    dumpApart: ((...given) => {
      asked++;
      return apart(...given);
    }) satisfies DumpApart,
  };
  const { status, body } = await createAdminHandler(view)(method, '/config_dump', new URLSearchParams(query), signal);
  let whole = '';
  for await (const piece of typeof body === 'string' ? [body] : body) whole += String(piece);
  return { asked, status, body: whole };
}

test('the page comes from elsewhere', async () => {
  assert.deepEqual(await ask(''), { asked: 1, status: 200, body: 'from elsewhere' });
  assert.deepEqual(await ask('resource=bootstrap'), { asked: 1, status: 200, body: 'from elsewhere' });
});

test('a query that asks for nothing that there is is judged here', async () => {
  for (const [query, status] of [
    ['mask=x', 400],
    ['name_regex=(', 400],
    ['resource=nonsense', 404],
  ] as const)
    assert.deepEqual(await ask(query).then((one) => [one.asked, one.status]), [0, status], query);
});

test('who asks for the head only has nothing rendered', async () => {
  assert.deepEqual(await ask('', 'HEAD').then((one) => [one.asked, one.status]), [0, 200]);
});

test('what can not be rendered elsewhere is rendered here', async () => {
  const { asked, body } = await ask('', 'GET', async () => undefined);
  assert.equal(asked, 1);
  assert.match(body, /ClustersConfigDump/);
});

test('a refusal of the other side is the answer, and it hears when the reader goes', async () => {
  const refusal = { status: 503, contentType: 'text/plain', body: 'busy' };
  let heard: AbortSignal | undefined;
  const answer = await ask('', 'GET', async (_, gone) => {
    heard = gone;
    return refusal;
  });
  assert.deepEqual([answer.status, answer.body], [503, 'busy']);
  assert.equal(heard, signal);
});
