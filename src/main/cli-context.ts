// Wires the commands to the real process: files, clock, terminal, HTTP.
import { join, resolve } from 'node:path';
import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import type { CliContext } from '#cli';
import { callHttp, SystemClock, SystemFs } from '#io';
import { rootFolder } from './home.ts';
import { VERSION } from './version.ts';

/** What they began they finish, also where nobody reads on. */
const CHANGING: ReadonlySet<string> = new Set(['apply', 'delete', 'install', 'tag', 'uninstall', 'upgrade']);

export function createCliContext(): CliContext {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    // `topsail … | head` closes the pipe: not an error of ours.
    if (error.code !== 'EPIPE') throw error;
    if (!CHANGING.has(process.argv[2] ?? '')) process.exit(0);
  });
  return {
    cwd: process.cwd(),
    env: process.env,
    fs: new SystemFs(),
    clock: new SystemClock(),
    call: callHttp,
    out: (text) => void process.stdout.write(text),
    err: (text) => void process.stderr.write(text),
    readStdin: async () => {
      let text = '';
      process.stdin.setEncoding('utf8');
      for await (const chunk of process.stdin as AsyncIterable<string>) text += chunk;
      return text;
    },
    colour: process.stdout.isTTY === true && (process.env['NO_COLOR'] ?? '') === '',
    interrupted: new Promise((done) => process.once('SIGINT', () => done())),
    sleep: async (ms) => void (await sleep(ms)),
    open: async (url) => (await import('./open-browser.ts')).openBrowser(url),
    stream: async (call, take) => (await import('./event-stream.ts')).readEventStream(call, take),
    kube: async (flags) => (await import('./kube-access.ts')).openKube(flags),
    supervised: async (home) => (await import('./stale-records.ts')).runningSupervisor(join(home, 'run')) !== undefined,
    inPod: async (flags, asked) => (await import('./kube-access.ts')).inPod(flags, asked),
    generate: async (ask) => (await import('./upgrade-generate.ts')).generateFor(ask),
    root: rootFolder,
    version: VERSION,
    resolvePath: (...parts) => resolve(...parts),
  };
}
