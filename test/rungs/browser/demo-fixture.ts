// A running demo and a browser for the scenarios of the dashboard: both are started once and stopped at the end.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Browser, chromium, type Page } from 'playwright-core';
import { CHROMIUM_FLAGS, findChromium } from '../../../tools/chromium.ts';

const root = join(import.meta.dirname, '../../..');
/** $TOPSAIL_ENTRY names another bundle. */
const entry = process.env['TOPSAIL_ENTRY'] ?? join(root, 'dist/topsail.js');
const output = join(root, 'test/output/browser');
const READY_WITHIN_MS = 180_000;
/** Of a page, where a test says nothing else, and of a command. */
const PATIENCE_MS = 120_000;
/** Below it ports are seldom taken by outgoing connections. */
const FIRST_PORT = 20_000;

export interface OpenOptions {
  readonly scheme?: 'light' | 'dark';
  readonly mayWrite?: boolean;
  /** CSS pixels; default 1360. */
  readonly width?: number;
}

export interface DemoFixture {
  readonly address: string;
  readonly shop: string;
  readonly browser: Browser;
  readonly token: string;
  /** Where pictures are kept. */
  readonly output: string;
  /** A page with its problems: what the console complained of, and what was asked of anyone else. */
  open(path: string, options?: OpenOptions): Promise<WatchedPage>;
  command(...args: string[]): string;
  stop(): Promise<void>;
}

export interface WatchedPage {
  readonly page: Page;
  readonly problems: string[];
  /** Kept as an artefact; then the page is closed. */
  finish(name: string): Promise<void>;
}

export async function startDemo(flags: readonly string[] = []): Promise<DemoFixture> {
  const home = mkdtempSync(join(tmpdir(), 'topsail-browser-'));
  const base = await fivePorts();
  const env = { ...process.env, TOPSAIL_ROOT: root };
  const child = spawn(process.execPath, [entry, 'demo', '--home', home, '--port-base', String(base), ...flags], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env,
  });
  const end = async (): Promise<void> => {
    if (child.exitCode === null && child.signalCode === null) {
      const ended = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGTERM');
      await ended;
    }
    rmSync(home, { recursive: true, force: true, maxRetries: 10 });
  };
  await ready(child).catch(async (error: unknown) => {
    await end();
    throw error;
  });
  const run = JSON.parse(readFileSync(join(home, 'run.json'), 'utf8')) as {
    readonly address: string;
    readonly token: string;
  };
  const launched = chromium.launch({ executablePath: findChromium(), args: [...CHROMIUM_FLAGS], timeout: PATIENCE_MS });
  const browser = await launched.catch(async (error: unknown) => {
    await end();
    throw error;
  });
  mkdirSync(output, { recursive: true });
  const command = (...args: string[]): string => {
    const result = spawnSync(process.execPath, [entry, ...args, '--home', home], {
      encoding: 'utf8',
      env,
      timeout: PATIENCE_MS,
    });
    if (result.status !== 0) throw new Error(`topsail ${args.join(' ')}: ${result.stderr}`);
    return result.stdout;
  };
  return {
    address: run.address,
    token: run.token,
    output,
    shop: `http://127.0.0.1:${base}`,
    browser,
    command,
    open: (path, options) =>
      openPage(
        browser,
        run.address,
        path,
        options?.mayWrite === true ? command('dashboard').trim() : undefined,
        options ?? {},
      ),
    stop: async () => {
      await browser.close();
      await end();
    },
  };
}

async function openPage(
  browser: Browser,
  address: string,
  path: string,
  link: string | undefined,
  { scheme = 'light', width = 1360 }: OpenOptions,
): Promise<WatchedPage> {
  const page = await browser.newPage({ viewport: { width, height: 860 }, colorScheme: scheme });
  page.setDefaultTimeout(PATIENCE_MS);
  const problems: string[] = [];
  page.on('pageerror', (error) => problems.push(`error: ${error.message}`));
  page.on('console', (message) => {
    if (message.type() === 'error') problems.push(`console: ${message.text()}`);
  });
  page.on('request', (request) => {
    if (!request.url().startsWith(address) && !request.url().startsWith('data:'))
      problems.push(`asked elsewhere: ${request.url()}`);
  });
  if (link !== undefined) {
    await page.goto(link);
    await page.getByText('may write', { exact: true }).waitFor();
  }
  await page.goto(`${address}${path}`);
  // Until that is known again every editor is read only.
  if (link !== undefined) await page.getByText('may write', { exact: true }).waitFor();
  return {
    page,
    problems,
    finish: async (name) => {
      await page.screenshot({ path: join(output, `${name}.png`), fullPage: true });
      await page.close();
    },
  };
}

function ready(child: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    let text = '';
    const late = setTimeout(() => reject(new Error(`no ready line:\n${text}`)), READY_WITHIN_MS);
    child.stdout?.on('data', (chunk: Buffer) => {
      text += chunk.toString();
      if (!text.includes('Topsail is ready')) return;
      clearTimeout(late);
      resolve();
    });
    child.once('exit', () => reject(new Error(`the demo ended:\n${text}`)));
  });
}

async function fivePorts(): Promise<number> {
  for (let base = FIRST_PORT + Math.floor(Math.random() * 900) * 10; ; base += 10) {
    const free = await Promise.all([0, 1, 2, 3, 4].map((i) => isFree(base + i)));
    if (free.every(Boolean)) return base;
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
