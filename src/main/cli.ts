// `topsail …`: checks the floor, builds the command tree, and loads a command only when it is called.
import { enableCompileCache } from 'node:module';
import process from 'node:process';
import { RENDER_DUMP } from './render-dump-word.ts';
import { VERSION } from './version.ts';

const FLOOR = [24, 21] as const;
/** bootstrap-process.ts's own, which is not loaded for a string. */
const READ_BOOTSTRAP = 'read-bootstrap';
/**
 * These stay for days, beside each workload, and Node keeps all of the cache that it read for as long: 2 MB of a sidecar.
 * Without it they take some 40 ms of CPU more, once; and containers begin without a cache anyway.
 */
const STAYING = new Set(['agent', 'gateway', 'proxy', 'run']);
/** First words of Istio's own images' command lines. */
const PILOT_AGENT = new Set(['proxy', 'istio-iptables', 'wait']);

async function main(): Promise<void> {
  const [major, minor] = process.versions.node.split('.').map(Number) as [number, number];
  if (major < FLOOR[0] || (major === FLOOR[0] && minor < FLOOR[1])) {
    process.stderr.write(
      `Topsail needs Node ${FLOOR.join('.')} or later; this is ${process.versions.node}. Start it with ./topsail, which brings its own.\n`,
    );
    process.exitCode = 1;
    return;
  }
  if (!STAYING.has(process.argv[2] ?? '')) enableCompileCache();
  if (process.argv[2] === READ_BOOTSTRAP) return (await import('./bootstrap-process.ts')).answerBootstrap();
  if (process.argv[2] === RENDER_DUMP) return (await import('./render-dump.ts')).renderDumpsOfStdin();
  const words = await givenWords();
  if (words === undefined) return;
  const { buildProgram, knownWords } = await import('#cli');
  const program = buildProgram({
    version: VERSION,
    context: async () => (await import('./cli-context.ts')).createCliContext(),
    starters: {
      demo: async (options) => (await import('./demo.ts')).demo(options),
      discovery: async (options) => (await import('./discovery.ts')).discovery(options),
      run: async (command, options) => (await import('./agent.ts')).runWorkload(command, options),
      gateway: async (options) => (await import('./agent.ts')).runGateway(options),
      proxy: async (options) => (await import('./proxy.ts')).proxyCommand(options),
    },
    kubeStarters: {
      agent: async (role, options) => (await import('./agent-pod.ts')).runPodAgent(role, options),
      captureApply: async (options) => (await import('./capture.ts')).captureApply(options),
      captureValidate: async () => (await import('./capture.ts')).captureValidate(),
      cniNode: async (options) => (await import('./cni-node.ts')).runCniNode(options),
      images: async (action, options) => (await import('./images.ts')).imagesCommand(action, options),
    },
    exit: (status) => {
      process.exitCode = status;
    },
  });
  try {
    await program.parseAsync([...knownWords(program, words)], { from: 'user' });
  } catch (error) {
    const known = error instanceof Error && 'exitCode' in error ? (error as Error & { exitCode: number }) : undefined;
    const refused = known?.message ?? (await import('./system-failure.ts')).systemFailure(error);
    if (refused === undefined) throw error;
    process.stderr.write(`error: ${refused}\n`);
    process.exitCode = known?.exitCode ?? 1;
  }
}

/** Undefined: they can't be honoured, and that was said. */
async function givenWords(): Promise<string[] | undefined> {
  const given = process.argv.slice(2);
  if (!PILOT_AGENT.has(given[0] ?? '')) return given;
  try {
    const found = (await import('./pilot-agent-words.ts')).pilotAgentWords(given);
    if (found === undefined) return given;
    if (found.without.length > 0) process.stderr.write(`note: without effect here: ${found.without.join(', ')}\n`);
    return [...found.words];
  } catch (error) {
    process.stderr.write(`error: ${(error as Error).message}\n`);
    process.exitCode = 1;
    return undefined;
  }
}

await main();
