// Takes the pictures that the README shows, from a demo that it starts on free ports and stops again.
//
//   npm run screenshots
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import { chromium, type Page } from 'playwright-core';
import { freeBase } from '../src/main/demo-ports.ts';
import { CHROMIUM_FLAGS, findChromium } from './chromium.ts';
import { root } from './steps.ts';

const READY_WITHIN_MS = 60_000;
/** A whole window of traffic, so that no chart begins empty. */
const FILL_MS = 62_000;
const SETTLE_MS = 3_000;

interface Demo {
  readonly child: ChildProcess;
  readonly home: string;
  readonly page: string;
  readonly shop: string;
}

async function startDemo(): Promise<Demo> {
  const home = mkdtempSync(join(tmpdir(), 'topsail-pictures-'));
  const base = await freeBase();
  if (base === undefined) throw new Error('There are no five free ports in a row.');
  const child = spawn(
    process.execPath,
    [join(root, 'dist/topsail.js'), 'demo', '--home', home, '--port-base', String(base)],
    { stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, TOPSAIL_ROOT: root } },
  );
  await new Promise<void>((resolve, reject) => {
    let text = '';
    const late = setTimeout(() => reject(new Error(`the demo was not ready in time:\n${text}`)), READY_WITHIN_MS);
    child.stdout?.on('data', (chunk: Buffer) => {
      text += chunk.toString();
      if (!text.includes('Topsail is ready')) return;
      clearTimeout(late);
      resolve();
    });
    child.once('exit', () => reject(new Error(`the demo ended:\n${text}`)));
  });
  const { address } = JSON.parse(readFileSync(join(home, 'run.json'), 'utf8')) as { readonly address: string };
  return { child, home, page: address, shop: `http://127.0.0.1:${base}/productpage` };
}

async function stopDemo({ child, home }: Demo): Promise<void> {
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  await ended;
  rmSync(home, { recursive: true, force: true });
}

async function takeAll(demo: Demo): Promise<void> {
  const folder = join(root, 'docs/images');
  mkdirSync(folder, { recursive: true });
  const browser = await chromium.launch({ executablePath: findChromium(), args: [...CHROMIUM_FLAGS] });
  try {
    const take = async (
      name: string,
      url: string,
      height: number,
      wait?: (page: Page) => Promise<unknown>,
    ): Promise<void> => {
      const page = await browser.newPage({
        viewport: { width: 1440, height },
        colorScheme: 'light',
        deviceScaleFactor: 1.5,
      });
      await page.goto(url);
      await wait?.(page);
      await sleep(SETTLE_MS);
      await page.screenshot({ path: join(folder, `${name}.png`) });
      await page.close();
      console.log(`docs/images/${name}.png`);
    };
    await take('bookshop', demo.shop, 760);
    await take('overview', `${demo.page}/`, 850, (page) => page.getByText('reviews-v3').first().waitFor());
    await take('graph', `${demo.page}/graph?window=60`, 600, (page) => page.locator('.node').nth(6).waitFor());
  } finally {
    await browser.close();
  }
}

const demo = await startDemo();
try {
  console.log(`the demo runs; waiting ${FILL_MS / 1000} s for a minute of traffic`);
  await sleep(FILL_MS);
  await takeAll(demo);
} finally {
  await stopDemo(demo);
}
