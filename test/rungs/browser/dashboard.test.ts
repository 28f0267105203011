// Every screen of the dashboard in a real browser over a real mesh, with a picture of each kept.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import type { StatusJson } from '#api';
import type { Page } from 'playwright-core';
import { until } from '../../mesh/until.ts';
import { seriousViolations } from './axe.ts';
import { type DemoFixture, startDemo } from './demo-fixture.ts';

const WORKLOADS = ['details-v1', 'productpage-v1', 'ratings-v1', 'reviews-v1', 'reviews-v2', 'reviews-v3'];
const SCREENS = [
  '/',
  '/graph',
  '/workloads',
  '/workloads/default/productpage-v1',
  '/workloads/default/productpage-v1?tab=routes',
  '/workloads/default/productpage-v1?tab=config',
  '/services/default/reviews',
  '/config',
  '/config/DestinationRule/default/bookshop-reviews',
  '/wizard/shift?service=default%2Freviews',
  '/security',
  '/tap',
  '/traces',
  '/explain',
  '/what-if',
];
const FIRST_LOAD_BYTES_MAX = 300_000;
const SEEN_WITHIN_MS = 120_000;

let demo: DemoFixture;
before(async () => {
  demo = await startDemo();
});
after(() => demo?.stop());

/** Counted from outside: the page's policy lets nothing be evaluated in it a second time. */
async function shown(page: Page, selector: string, count: number): Promise<void> {
  let seen = 0;
  await until(
    () => `${selector}: ${seen} instead of ${count}`,
    async () => {
      seen = await page.locator(selector).count();
      return seen === count;
    },
    SEEN_WITHIN_MS,
  );
}

test('the overview lists every workload with its golden signals, and loads little from nowhere else', async () => {
  const { page, problems, finish } = await demo.open('/');
  // Each address once: a page that stays open asks again.
  const sizes = new Map<string, number>();
  page.on(
    'response',
    (response) =>
      void response
        .body()
        .then((body) => sizes.set(new URL(response.url()).pathname, gzipSync(body).length))
        .catch(() => undefined),
  );
  const bytes = (): number => [...sizes.values()].reduce((sum, size) => sum + size, 0);
  await page.reload();
  for (const name of WORKLOADS) await page.getByRole('link', { name, exact: true }).first().waitFor();
  await page.getByRole('heading', { name: /Control plane/ }).waitFor();
  await page.getByText('100 %').first().waitFor({ timeout: SEEN_WITHIN_MS });
  assert.deepEqual(problems, []);
  await until(
    () => `${bytes()} bytes`,
    () => bytes() > 20_000,
  );
  assert.ok(bytes() < FIRST_LOAD_BYTES_MAX, `${bytes()} bytes`);
  await finish('overview');
});

test('the graph shows every edge of the demo with its rate and lock', async () => {
  const { page, problems, finish } = await demo.open('/graph?window=60');
  for (const name of [...WORKLOADS, 'istio-ingressgateway'])
    await page
      .getByRole('button', { name: new RegExp(`(workload|gateway) ${name},`) })
      .waitFor({ timeout: SEEN_WITHIN_MS });
  await shown(page, '.link-group', 7);
  let links: string[] = [];
  // What failed while the demo was starting is forgotten after a minute.
  await until(
    () => links.join('\n'),
    async () => {
      links = await page
        .locator('.link-group')
        .evaluateAll((all) => all.map((one) => one.getAttribute('aria-label') ?? ''));
      return links.every((link) => /^[\d.]+\/s p99 .* requests a second, 0 % fail, .* mTLS all$/.test(link));
    },
  );
  assert.equal(links.length, 7);
  assert.deepEqual(problems, []);
  await finish('graph');
});

test('a node opens its panel by keyboard, with charts, configuration and an address to come back to', async () => {
  const { page, problems, finish } = await demo.open('/graph');
  const node = page.getByRole('button', { name: /workload reviews-v2,/ });
  await node.waitFor({ timeout: SEEN_WITHIN_MS });
  await node.focus();
  await page.keyboard.press('Enter');
  const panel = page.getByRole('complementary', { name: 'What is chosen' });
  await panel.getByRole('heading', { name: 'reviews-v2' }).waitFor();
  await panel.getByRole('img', { name: /Requests a second, now/ }).waitFor();
  await panel
    .getByRole('link', { name: /DestinationRule bookshop-reviews/ })
    .first()
    .waitFor();
  assert.match(page.url(), /chosen=workload%2Fdefault%2Freviews-v2/);
  await page.reload();
  await panel.getByRole('heading', { name: 'reviews-v2' }).waitFor();
  assert.deepEqual(problems, []);
  await finish('graph-panel');
});

test('find, hide and levels change what the graph shows', async () => {
  const { page, finish } = await demo.open('/graph');
  await page.getByRole('button', { name: /workload reviews-v2,/ }).waitFor({ timeout: SEEN_WITHIN_MS });
  await page.getByRole('searchbox', { name: 'Find' }).fill('ratings');
  await page.locator('.node.found').waitFor();
  assert.equal(await page.locator('.node.found').count(), 1);
  await page.getByRole('textbox', { name: 'Hide' }).fill('name~reviews');
  await shown(page, '.node', 4);
  await page.getByRole('textbox', { name: 'Hide' }).fill('');
  await page.getByRole('button', { name: 'Namespaces' }).click();
  await shown(page, '.node', 2);
  await finish('graph-namespaces');
});

test('a workload tells its traffic, routes, endpoints, what is in force, its identity and its log', async () => {
  const { page, problems, finish } = await demo.open('/workloads/default/productpage-v1', { mayWrite: true });
  await page.getByRole('link', { name: 'istio-ingressgateway' }).first().waitFor({ timeout: SEEN_WITHIN_MS });
  await page.getByRole('tab', { name: 'Routes' }).click();
  await page.getByText('reviews.default.svc.cluster.local:9080').first().waitFor();
  await page.getByRole('tab', { name: 'Endpoints' }).click();
  await page.getByText('healthy').nth(1).waitFor();
  // Numbers that only the proxy itself knows.
  await page
    .getByRole('cell', { name: /^[1-9]\d*$/ })
    .first()
    .waitFor({ timeout: SEEN_WITHIN_MS });
  await page.getByRole('tab', { name: 'Effective configuration' }).click();
  await page.getByRole('link', { name: 'DestinationRule bookshop-reviews' }).first().waitFor();
  await page
    .getByText(/reviews.*, line \d+/)
    .first()
    .waitFor();
  await page.getByRole('tab', { name: 'Identity and certificates' }).click();
  await page.getByText('spiffe://cluster.local/ns/default/sa/productpage').first().waitFor();
  await page
    .getByText(/^\d+ h \d+ min left$/)
    .first()
    .waitFor({ timeout: SEEN_WITHIN_MS });
  const { workloads, proxies } = (await (await fetch(`${demo.address}/api/v1/status`)).json()) as StatusJson;
  for (const name of WORKLOADS) {
    const told = proxies.find((one) => one.name === name)?.capture;
    assert.ok(told !== undefined && told !== '');
    assert.equal(workloads.find((one) => one.name === name)?.capture, told);
  }
  await page.getByRole('tab', { name: 'Logs' }).click();
  await page.getByRole('log').filter({ hasText: 'GET' }).waitFor({ timeout: SEEN_WITHIN_MS });
  assert.deepEqual(problems, []);
  await finish('workload');
});

test('an edit shows findings as one writes, is saved to all proxies, and is taken back from history', async () => {
  const { page, problems, finish } = await demo.open('/config/DestinationRule/default/bookshop-details', {
    mayWrite: true,
  });
  const editor = page.getByRole('textbox', { name: 'YAML of the object' });
  await editor.waitFor();
  await editor.click();
  await page.keyboard.press('Control+End');
  await page.keyboard.type('  trafficPolicy: { conectionPool: {} }\n');
  await page.locator('.findings').getByText('conectionPool').first().waitFor();
  await page.getByRole('button', { name: 'Save', disabled: true }).waitFor();
  await page.getByRole('button', { name: 'Undo all' }).click();
  await editor.click();
  await page.keyboard.press('Control+End');
  await page.keyboard.type('  trafficPolicy: { connectionPool: { tcp: { maxConnections: 50 } } }\n');
  await page.getByRole('button', { name: 'Save' }).click();
  await page.getByRole('status').getByText('Programmed 7/7').first().waitFor();
  await page.getByRole('tab', { name: 'History' }).click();
  await page.locator('.diff .added').filter({ hasText: 'maxConnections: 50' }).waitFor();
  await page.getByRole('button', { name: 'Revert to this' }).first().click();
  await page.locator('.diff .removed').filter({ hasText: 'maxConnections: 50' }).waitFor();
  await page.getByRole('status').getByText('Programmed 7/7').first().waitFor();
  assert.deepEqual(problems, []);
  await finish('configuration');
});

test('the editor completes fields from the schema of the kind', async () => {
  const { page, finish } = await demo.open('/config/DestinationRule/default/bookshop-ratings', { mayWrite: true });
  const editor = page.getByRole('textbox', { name: 'YAML of the object' });
  await editor.click();
  await page.keyboard.press('Control+End');
  await page.keyboard.type('  traf');
  await page.keyboard.press('Control+Space');
  await page.getByRole('option', { name: /trafficPolicy/ }).waitFor();
  await finish('completion');
});

test('shifting traffic opens with a service that has versions, and sliders send all to one', async () => {
  const { page, problems, finish } = await demo.open('/wizard/shift', { mayWrite: true });
  await page.getByRole('button', { name: 'All to v3' }).click();
  await page.getByRole('button', { name: 'Make the manifest' }).click();
  await page.getByRole('button', { name: 'Save' }).click();
  await page.getByRole('status').getByText('Programmed 7/7').first().waitFor();
  const text = await (await fetch(`${demo.shop}/productpage`)).text();
  assert.match(text, /reviews-v3|v3/);
  assert.deepEqual(problems, []);
  await finish('wizard-shift');
});

test('security says whether STRICT may be switched on, and makes a policy from an edge', async () => {
  const { page, problems, finish } = await demo.open('/security', { mayWrite: true });
  await page.getByText('yes: every caller uses mTLS').nth(3).waitFor({ timeout: SEEN_WITHIN_MS });
  await finish('security');
  const wizard = await demo.open('/wizard/authorize?from=default%2Fproductpage-v1&to=default%2Fdetails-v1', {
    mayWrite: true,
  });
  await wizard.page.getByText('productpage-v1 → details-v1').first().waitFor();
  await wizard.page.getByRole('button', { name: 'Make the manifest' }).click();
  await wizard.page.getByText('cluster.local/ns/default/sa/productpage').first().waitFor();
  assert.deepEqual([...problems, ...wizard.problems], []);
  await wizard.finish('wizard-authorize');
});

test('tap shows requests, and explain says hop by hop what decided one', async () => {
  const { page, problems, finish } = await demo.open('/tap', { mayWrite: true });
  await page.getByText('GET /productpage').first().waitFor({ timeout: SEEN_WITHIN_MS });
  await page
    .getByRole('row')
    .filter({ hasText: 'istio-ingressgateway out' })
    .getByRole('link', { name: 'Explain' })
    .nth(2)
    .click();
  await page.getByRole('heading', { name: /1\. istio-ingressgateway/ }).waitFor();
  await page.getByRole('heading', { name: /2\. productpage-v1/ }).waitFor();
  await page.getByText('inbound|http|9080').first().waitFor();
  await page.getByText('spiffe://cluster.local/ns/istio-system/sa/istio-ingressgateway').first().waitFor();
  assert.deepEqual(problems, []);
  await finish('explain');
});

test('a page without the link may only read, and a link works once', async () => {
  const { page, finish } = await demo.open('/config/DestinationRule/default/bookshop-details');
  await page.getByText('read only', { exact: true }).waitFor();
  await page.getByRole('button', { name: 'Save', disabled: true }).waitFor();
  await finish('read-only');
  const link = new URL(demo.command('dashboard').trim());
  const use = () =>
    fetch(`${demo.address}/api/v1/sign-in`, {
      method: 'POST',
      body: JSON.stringify({ code: link.hash.slice('#code='.length) }),
    });
  assert.equal((await use()).status, 200);
  assert.equal((await use()).status, 401);
  for (const path of ['/api/v1/tap', '/api/v1/logs/details-v1', '/api/v1/explain/x'])
    assert.equal((await fetch(`${demo.address}${path}`)).status, 401);
  const foreign = await fetch(`${demo.address}/api/v1/traffic`, { headers: { origin: 'http://evil.example' } });
  assert.equal(foreign.status, 403);
});

test('the plain page is still there', async () => {
  const { page, finish } = await demo.open('/plain');
  await page.getByRole('heading', { name: 'Topsail' }).waitFor();
  await finish('plain');
});

for (const scheme of ['light', 'dark'] as const) {
  test(`no screen has serious accessibility violations (${scheme})`, async () => {
    const { page, finish } = await demo.open('/', { scheme, mayWrite: true });
    const found: string[] = [];
    for (const screen of SCREENS) {
      await page.goto(`${demo.address}${screen}`);
      await page.getByRole('heading', { level: 1 }).waitFor();
      await page.waitForTimeout(1_200);
      for (const violation of await seriousViolations(page)) found.push(`${screen} ${violation}`);
    }
    assert.deepEqual(found, []);
    await finish(`accessible-${scheme}`);
  });
}

test('letters lead from screen to screen', async () => {
  const { page, finish } = await demo.open('/');
  await page.getByRole('heading', { level: 1, name: 'Overview' }).waitFor();
  for (const [key, title] of [
    ['c', 'Configuration'],
    ['s', 'Security'],
    ['w', 'Workloads'],
  ] as const) {
    await until(title, async () => {
      // A page may be seen before it listens.
      await page.keyboard.press('g');
      await page.keyboard.press(key);
      return await page
        .getByRole('heading', { level: 1, name: title })
        .waitFor({ timeout: 4_000 })
        .then(
          () => true,
          () => false,
        );
    });
  }
  await finish('keyboard');
});
