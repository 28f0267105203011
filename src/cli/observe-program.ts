// The part of the command tree that looks at traffic and proxies: stat, top, tap, explain, dashboard, proxy-replace.
import { Argument, type Command, Option } from 'commander';
import type { ProgramParts } from './program.ts';

export function addObserveCommands(program: Command, { context, exit }: Pick<ProgramParts, 'context' | 'exit'>): void {
  const add = (name: string, description: string): Command =>
    program
      .command(name)
      .description(description)
      .option('--home <dir>', 'folder of the mesh (default: $TOPSAIL_HOME, then the nearest .topsail/ upwards)');
  for (const [name, description, alone] of [
    ['stat', 'success, requests, latency per workload or service, the worst first', true],
    ['top', 'success, requests, latency per workload or service each second, the busiest first', false],
  ] as const) {
    const command = add(name, description)
      .argument('[name]', 'one workload, or all versions of an app')
      .option('-n, --namespace <name>', 'one namespace')
      .option('--window <duration>', 'how long back: 10s to 1h', alone ? '1m' : '10s')
      .addOption(new Option('--by <what>', 'rows').choices(['workload', 'service', 'route']).default('workload'));
    if (alone) command.addOption(new Option('-o, --output <format>', 'for a program').choices(['json']));
    command.action(async (workload: string | undefined, options) =>
      exit(await (await import('./stat.ts'))[name](await context(), workload, options)),
    );
  }
  add('tap', 'requests as they happen, with what decided them')
    .argument('[workload]', 'whose proxy tells: NAME or NAMESPACE/NAME (default: all)')
    .option(
      '--to <service>',
      'only requests to a service or workload of this name; without [workload] also what never left its callers',
    )
    .option('--path <prefix>', 'only paths that begin so')
    .option('--status <code>', 'only this status: 404, or 5xx')
    .option('--per-second <n>', 'at most so many a second from each proxy, in each direction', '50')
    .option('--max <n>', 'end after so many')
    .addOption(new Option('-o, --output <format>', 'for a program').choices(['json']))
    .action(async (workload: string | undefined, options) =>
      exit(await (await import('./tap.ts')).tap(await context(), workload, options)),
    );
  add('explain', 'one tapped request hop by hop: route, policy, endpoint, retries, identity')
    .argument('<request-id>', 'its x-request-id')
    .addOption(new Option('-o, --output <format>', 'for a program').choices(['json']))
    .action(async (id: string, options) =>
      exit(await (await import('./explain.ts')).explain(await context(), id, options)),
    );
  add('proxy-replace', 'another proxy for a workload, of the program as it is installed now; its application goes on')
    .argument('<workload>', 'NAME or NAME.NAMESPACE')
    .option('-n, --namespace <name>', 'namespace of the workload, where its name has none', 'default')
    .option('--concurrency <n>', 'with so many threads')
    .option('--drain-time-s <seconds>', 'how long connections may take to end at the present one', '10')
    .option('--log-level <level>', 'debug, info, warn or error')
    .action(async (workload: string, options) =>
      exit(await (await import('./proxy-replace.ts')).proxyReplace(await context(), workload, options)),
    );
  add('dashboard', 'a link to the dashboard with the right to write; or the page of an addon')
    .alias('d')
    .alias('dash')
    .addArgument(
      new Argument('[what]', 'instead of the dashboard').choices([
        'kiali',
        'prometheus',
        'grafana',
        'jaeger',
        'zipkin',
        'skywalking',
        'envoy',
        'proxy',
        'controlz',
      ]),
    )
    .argument('[workload]', 'whose proxy: NAME or NAME.NAMESPACE (envoy, proxy)')
    .option('--browser', 'open it in the browser')
    .option('--address <address>', 'where the addon is')
    .option('-p, --port <port>', 'and its port')
    .action(async (what: string | undefined, workload: string | undefined, options) =>
      exit(await (await import('./dashboard.ts')).dashboard(await context(), what, workload, options)),
    );
}
