// The screens with which one changes a running mesh, in a real browser: what if, wizards, denials by rule, a service, replay.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { Locator, Page } from 'playwright-core';
import { until } from '../../mesh/until.ts';
import { seriousViolations } from './axe.ts';
import { type DemoFixture, startDemo } from './demo-fixture.ts';

const SEEN_WITHIN_MS = 120_000;
const folder = mkdtempSync(join(tmpdir(), 'topsail-changes-'));

let demo: DemoFixture;
before(async () => {
  demo = await startDemo();
});
after(async () => {
  await demo?.stop();
  rmSync(folder, { recursive: true, force: true });
});

function apply(name: string, text: string): void {
  const file = join(folder, `${name}.yaml`);
  writeFileSync(file, text);
  demo.command('apply', '--wait', '--timeout', '120s', '-f', file);
}

/** What if, again and again: requests that show it must have been remembered first. */
async function askUntil(page: Page, shown: Locator): Promise<void> {
  await until(
    () => `${String(shown)} is not shown`,
    async () => {
      await page.getByRole('button', { name: 'What if?' }).click();
      return await shown.waitFor({ timeout: 4_000 }).then(
        () => true,
        () => false,
      );
    },
  );
}

const routes = (http: string): string => `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: reviews, namespace: default }
spec: { hosts: [reviews], http: [${http}] }
`;

test('what if: an edit is tried on the requests of the last minutes, and nothing is applied', async () => {
  const { page, problems, finish } = await demo.open('/what-if', { mayWrite: true });
  const row = page.getByRole('row').filter({ hasText: 'productpage-v1 → details-v1' });
  await askUntil(page, row.getByText('would fail').first());
  await row
    .getByText(/deny-all/)
    .first()
    .waitFor();
  assert.deepEqual(await seriousViolations(page), []);
  assert.deepEqual(problems, []);
  await finish('what-if');
  const objects = await (await fetch(`${demo.address}/api/v1/objects`)).json();
  assert.ok(!JSON.stringify(objects).includes('deny-all'));
});

test('what if: a changed route tells who would go elsewhere, and saves from the same place', async () => {
  apply('routes', routes('{ route: [{ destination: { host: reviews, subset: v1 } }] }'));
  const { page, problems, finish } = await demo.open('/config/VirtualService/default/reviews', { mayWrite: true });
  const editor = page.getByRole('textbox', { name: 'YAML of the object' });
  await editor.click();
  await page.keyboard.press('Control+A');
  await page.keyboard.press('Delete');
  // In one line: the editor indents lines by itself.
  await page.keyboard.type(
    '{ apiVersion: networking.istio.io/v1, kind: VirtualService, metadata: { name: reviews, namespace: default }, spec: { hosts: [reviews], http: [{ route: [{ destination: { host: reviews, subset: v3 } }] }] } }',
  );
  const row = page.getByRole('row').filter({ hasText: 'productpage-v1 → reviews' });
  await askUntil(page, row.getByText('goes elsewhere').first());
  await row.getByText('reviews v3').first().waitFor();
  await row.getByRole('link', { name: 'VirtualService reviews' }).first().waitFor();
  await page.getByRole('button', { name: 'Save' }).click();
  await page.getByRole('status').getByText('Programmed 7/7').first().waitFor({ timeout: SEEN_WITHIN_MS });
  assert.deepEqual(problems, []);
  await finish('what-if-route');
});

for (const [what, words] of [
  ['fault', /fixedDelay: 5s/],
  ['timeouts', /perTryTimeout: 1s/],
  ['breaker', /consecutive5xxErrors: 5/],
  ['mtls', /mode: STRICT/],
] as const) {
  test(`the wizard for ${what} writes a manifest without findings, and can try it`, async () => {
    const { page, problems, finish } = await demo.open(`/wizard/${what}?service=default%2Fratings`, { mayWrite: true });
    await page.getByRole('button', { name: 'Make the manifest' }).click();
    await page.getByRole('textbox', { name: 'YAML of the object' }).getByText(words).first().waitFor();
    await page.getByRole('button', { name: 'What if?' }).click();
    await page.getByRole('region', { name: 'What would change' }).waitFor({ timeout: SEEN_WITHIN_MS });
    assert.equal(await page.locator('.findings .bad').count(), 0);
    assert.deepEqual(await seriousViolations(page), []);
    assert.deepEqual(problems, []);
    await finish(`wizard-${what}`);
  });
}

test('security tells who was denied by which rule, and leads to a policy that allows', async () => {
  apply(
    'no-details',
    `apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: no-details, namespace: default }
spec: { selector: { matchLabels: { app: details } }, action: DENY, rules: [{ to: [{ operation: { methods: [GET] } }] }] }
`,
  );
  const { page, problems, finish } = await demo.open('/security', { mayWrite: true });
  const deniedIn = (where: Page): Locator =>
    where
      .getByRole('region', { name: 'Denied requests' })
      .getByRole('row')
      .filter({ hasText: 'productpage' })
      .filter({ hasText: 'details-v1' })
      .first();
  const row = deniedIn(page);
  await row.getByRole('link', { name: 'no-details' }).first().waitFor({ timeout: SEEN_WITHIN_MS });
  await row.getByText('rule 0').first().waitFor();
  assert.deepEqual(await seriousViolations(page), []);
  assert.deepEqual(problems, []);
  await finish('security-denied');
  const other = await demo.open('/security', { mayWrite: true });
  await deniedIn(other.page).getByRole('link', { name: 'Allow' }).first().click();
  await other.page.getByRole('button', { name: 'Make the manifest' }).click();
  await other.page.getByText('sa/productpage').first().waitFor();
  await other.finish('security-allow');
  // Not before: what was denied is told of for a while only.
  demo.command('delete', '-f', join(folder, 'no-details.yaml'));
});

test('a service shows its versions, endpoints, routes and objects', async () => {
  const { page, problems, finish } = await demo.open('/services/default/reviews', { mayWrite: true });
  await page.getByRole('img', { name: /Requests a second, now: reviews-v1/ }).waitFor({ timeout: SEEN_WITHIN_MS });
  const endpoints = page.getByRole('region', { name: 'Endpoints' });
  for (const name of ['reviews-v1', 'reviews-v2', 'reviews-v3'])
    await endpoints
      .getByRole('row')
      .filter({ hasText: name })
      .getByText('healthy')
      .waitFor({ timeout: SEEN_WITHIN_MS });
  await page
    .getByRole('region', { name: 'Routes' })
    .getByRole('link', { name: 'VirtualService reviews' })
    .first()
    .waitFor();
  assert.deepEqual(await seriousViolations(page), []);
  assert.deepEqual(problems, []);
  await finish('service');
});

test('an injected fault is named on its edge, with a link to who asks for it', async () => {
  apply(
    'fault',
    `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: ratings, namespace: default }
spec:
  hosts: [ratings]
  http:
    - fault: { abort: { httpStatus: 503, percentage: { value: 100 } } }
      route: [{ destination: { host: ratings } }]
`,
  );
  const { page, problems, finish } = await demo.open('/graph?window=60');
  const link = page
    .getByRole('button', { name: /: workload\/default\/reviews-v\d to service\/default\/ratings,/ })
    .first();
  await link.waitFor({ timeout: SEEN_WITHIN_MS });
  await link.focus();
  await page.keyboard.press('Enter');
  const panel = page.getByRole('complementary', { name: 'What is chosen' });
  const asked = panel.getByRole('link', { name: 'fault injected (abort 503) by VirtualService default/ratings' });
  await asked.waitFor({ timeout: SEEN_WITHIN_MS });
  assert.deepEqual(await seriousViolations(page), []);
  await page.screenshot({ path: join(demo.output, 'graph-fault.png') });
  await asked.click();
  await page
    .getByRole('heading', { name: /ratings/ })
    .first()
    .waitFor();
  assert.match(page.url(), /\/config\/VirtualService\/default\/ratings$/);
  assert.deepEqual(problems, []);
  await finish('fault-object');
  demo.command('delete', '-f', join(folder, 'fault.yaml'));
});

test('the panel of the graph taps what is chosen, and the past is played', async () => {
  const { page, problems, finish } = await demo.open('/graph?chosen=workload%2Fdefault%2Fproductpage-v1', {
    mayWrite: true,
  });
  const panel = page.getByRole('complementary', { name: 'What is chosen' });
  await panel
    .getByRole('link', { name: /GET \/productpage/ })
    .first()
    .waitFor({ timeout: SEEN_WITHIN_MS });
  assert.deepEqual(await seriousViolations(page), []);
  await page.screenshot({ path: join(demo.output, 'graph-tap.png') });
  await page.getByRole('button', { name: 'Replay' }).click();
  await page
    .getByText(/^\d+ min ago, until/)
    .first()
    .waitFor({ timeout: SEEN_WITHIN_MS });
  assert.match(page.url(), /ago=\d+/);
  await page.getByRole('button', { name: 'Pause' }).click();
  assert.deepEqual(problems, []);
  await finish('graph-replay');
});

test('a narrow page loses nothing beyond its edge', async () => {
  const { page, finish } = await demo.open('/', { mayWrite: true, width: 420 });
  const wide: string[] = [];
  for (const path of ['/', '/graph', '/services/default/reviews', '/config', '/security', '/what-if', '/explain']) {
    await page.goto(`${demo.address}${path}`);
    await page.getByRole('heading', { level: 1 }).waitFor();
    await page.waitForTimeout(1_000);
    const width = async (): Promise<number> =>
      (await page.evaluate('document.documentElement.scrollWidth - innerWidth')) as number;
    // What is still being drawn may be wider for a moment.
    for (let look = 0; look < 10 && (await width()) > 1; look++) await page.waitForTimeout(500);
    const beyond = await width();
    if (beyond > 1) wide.push(`${path} by ${beyond} px`);
    const spare = (await page.evaluate(
      "(() => { const rail = document.querySelector('.rail'); const last = rail.querySelector('nav').getBoundingClientRect(); return rail.getBoundingClientRect().bottom - last.bottom; })()",
    )) as number;
    if (spare > 40) wide.push(`${path}: ${spare} px below the navigation`);
  }
  assert.deepEqual(wide, []);
  await finish('narrow');
});
