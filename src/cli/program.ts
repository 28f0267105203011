// The command tree: names, flags and help. Loading it loads no command; each action imports its own file.
import { Argument, Command, Help, InvalidArgumentError, Option } from 'commander';
import type { CliContext, ClusterFlags } from './context.ts';
import { addExamples } from './examples.ts';
import { addObserveCommands } from './observe-program.ts';
import { addKubeCommands, type KubeStarters } from './kube-program.ts';

/** Commands that become a process; `main` supplies them. Each resolves with the exit status. */
export interface Starters {
  readonly demo: (options: Readonly<Record<string, unknown>>) => Promise<number>;
  readonly discovery: (options: Readonly<Record<string, unknown>>) => Promise<number>;
  readonly run: (command: readonly string[], options: Readonly<Record<string, unknown>>) => Promise<number>;
  readonly gateway: (options: Readonly<Record<string, unknown>>) => Promise<number>;
  readonly proxy: (options: Readonly<Record<string, unknown>>) => Promise<number>;
}

export interface ProgramParts {
  readonly version: string;
  /** Made at the first need: it loads sockets and files. */
  readonly context: () => Promise<CliContext>;
  readonly starters: Starters;
  readonly kubeStarters: KubeStarters;
  readonly exit: (status: number) => void;
}

const collect = (value: string, before: string[]): string[] => [...before, value];

export function buildProgram(parts: ProgramParts): Command {
  const program = new Command('topsail');
  program
    .description("A service mesh in TypeScript: Istio's API, one command to a live mesh.")
    .version(parts.version, '-v, --version')
    .showHelpAfterError('(add --help to see what is possible)')
    .showSuggestionAfterError(true)
    .enablePositionalOptions()
    .configureHelp({ optionDescription: describeOption });
  addConfigCommands(program, parts);
  addViewCommands(program, parts);
  addObserveCommands(program, parts);
  addProcessCommands(program, parts);
  addKubeCommands(program, parts);
  addExamples(program);
  return program;
}

/** Commander's text, without a default that is nothing, and with what must be given. */
function describeOption(option: Option): string {
  const { defaultValue } = option as { readonly defaultValue?: unknown };
  const nothing = defaultValue === '' || (Array.isArray(defaultValue) && defaultValue.length === 0);
  const text = new Help().optionDescription(
    nothing ? (Object.create(option, { defaultValue: { value: undefined } }) as Option) : option,
  );
  return option.mandatory ? `${text} (required)` : text;
}

function add(program: Command, name: string, description: string): Command {
  return program
    .command(name)
    .description(description)
    .option('--home <dir>', 'folder of the mesh (default: $TOPSAIL_HOME, then the nearest .topsail/ upwards)');
}

/** A command that can ask a cluster's mesh, too. */
function addAnywhere(program: Command, name: string, description: string): Command {
  return add(program, name, `${description}; of this machine's mesh, else the cluster's`)
    .option('-c, --kubeconfig <file>', "the cluster's mesh (default: $KUBECONFIG, then ~/.kube/config)")
    .option('--context <name>', 'context of the kubeconfig')
    .option('-i, --istioNamespace <name>', 'namespace of the control plane (default: istio-system)')
    .option('-r, --revision <name>', 'only this revision of the control plane')
    .option('-n, --namespace <name>', 'namespace of the proxy, where its name has none');
}

const chosen = async (context: CliContext, options: ClusterFlags & { readonly home?: string }): Promise<CliContext> =>
  (await import('./cluster-mesh.ts')).inChosenMesh(context, options);

const inNamespace = (name: string, { namespace }: { readonly namespace?: string }): string =>
  namespace === undefined || name.includes('.') ? name : `${name}.${namespace}`;

const namespaceFlag = (of = 'objects that name none'): Option =>
  new Option('-n, --namespace <name>', `namespace of ${of}`).default('default');
const fileFlag = (): Option =>
  new Option('-f, --filename <path>', 'file, folder or - for standard input; may be repeated')
    .argParser(collect)
    .default([] as string[]);

function addConfigCommands(program: Command, { context, exit }: ProgramParts): void {
  add(program, 'apply', 'create or change what manifests describe')
    .addOption(fileFlag())
    .addOption(namespaceFlag())
    .option('--wait', 'return when every proxy concerned has acknowledged')
    .option('--timeout <duration>', 'how long --wait waits', '30s')
    .action(async (options) => exit(await (await import('./apply.ts')).apply(await context(), options)));
  add(program, 'delete', 'remove objects')
    .argument('[words...]', 'KIND NAME... or KIND/NAME...')
    .addOption(fileFlag())
    .addOption(namespaceFlag())
    .option('--ignore-not-found', 'what is not there is no failure')
    .action(async (words, options) =>
      exit(await (await import('./delete.ts')).deleteObjects(await context(), words, options)),
    );
  add(program, 'get', 'list objects and what the mesh makes of them')
    .argument('[words...]', 'KIND[,KIND] [NAME...], KIND/NAME..., or all')
    .addOption(namespaceFlag())
    .option('-A, --all-namespaces', 'of every namespace')
    .addOption(new Option('-o, --output <format>', 'as what').choices(['yaml', 'json', 'wide', 'name']))
    .action(async (words, options) => exit(await (await import('./get.ts')).get(await context(), words, options)));
  add(program, 'describe', 'one object in words: state, findings, which proxies have it')
    .argument('<words...>', 'KIND NAME... or KIND/NAME...')
    .addOption(namespaceFlag())
    .action(async (words, options) =>
      exit(await (await import('./describe.ts')).describe(await context(), words, options)),
    );
  program
    .command('validate')
    .description('say what is wrong with manifests, without a mesh')
    .addOption(fileFlag())
    .addOption(namespaceFlag())
    .action(async (options) => exit(await (await import('./validate.ts')).validate(await context(), options)));
}

function addViewCommands(program: Command, { context, exit, version }: ProgramParts): void {
  const output = (): Option => new Option('-o, --output <format>', 'for a program').choices(['json', 'yaml']);
  program
    .command('request', { hidden: true })
    .description("one call to the control plane's API, or with --port to another listener of loopback")
    .argument('<method>')
    .argument('<path>')
    .argument('[body]', 'JSON')
    .option('--home <dir>', 'folder of the mesh')
    .option('--port <port>', 'port of a listener that needs no token')
    .action(async (method: string, path: string, body: string | undefined, options) =>
      exit(await (await import('./request.ts')).request(await context(), method, path, body, options)),
    );
  add(program, 'version', 'versions of client, control plane and proxies')
    .option('--no-remote', 'only this client')
    .action(async (options) => exit(await (await import('./status.ts')).version(await context(), version, options)));
  add(program, 'status', 'what runs')
    .addOption(output())
    .action(async (options) => exit(await (await import('./status.ts')).status(await context(), options)));
  add(program, 'check', 'what is wrong and what to do next, now or with manifests applied; fails on errors')
    .alias('analyze')
    .addOption(fileFlag())
    .addOption(namespaceFlag())
    .option('--offline', 'with -f: the manifests are the whole configuration, and no mesh is asked')
    .action(async (options) => exit(await (await import('./analyze.ts')).analyze(await context(), options)));
  addAnywhere(program, 'proxy-status', 'whether each proxy has what it should have')
    .alias('ps')
    .argument('[proxy]', 'NAME or NAME.NAMESPACE')
    .addOption(output())
    .action(async (name: string | undefined, options) => {
      const which = name === undefined ? undefined : inNamespace(name, options);
      exit(
        await (await import('./proxy-status.ts')).proxyStatus(await chosen(await context(), options), which, options),
      );
    });
  addAnywhere(program, 'proxy-config', 'what a proxy was given')
    .alias('pc')
    .addArgument(
      new Argument('<part>', 'which part').choices([
        'all',
        'listeners',
        'routes',
        'clusters',
        'endpoints',
        'secrets',
        'listener',
        'route',
        'cluster',
        'endpoint',
        'secret',
      ]),
    )
    .argument('<proxy>', 'NAME or NAME.NAMESPACE')
    .addOption(new Option('-o, --output <format>', 'as what').choices(['short', 'json', 'yaml']).default('short'))
    .option('--fqdn <text>', 'clusters: only those whose host has this in it')
    .option('--port <port>', 'clusters, listeners, endpoints: only of this port')
    .addOption(new Option('--direction <way>', 'clusters: only these').choices(['inbound', 'outbound']))
    .option('--subset <text>', 'clusters: only those whose subset has this in it')
    .option('--name <name>', 'routes: only the table of this name')
    .option('--type <type>', 'listeners: only these: HTTP, TCP or HTTP+TCP')
    .option('--address <address>', 'listeners, endpoints: only of this address')
    .option('--cluster <name>', 'endpoints: only of this cluster, such as "outbound|9080|v1|HOST"')
    .option('--status <status>', 'endpoints: only of this health: HEALTHY, UNHEALTHY, DRAINING, ...')
    .action(async (part: string, name: string, options) => {
      const { CONFIG_PARTS, proxyConfig } = await import('./proxy-config.ts');
      const plural = CONFIG_PARTS.find((one) => one === part || one === `${part}s`) ?? 'all';
      exit(await proxyConfig(await chosen(await context(), options), plural, inNamespace(name, options), options));
    });
  add(program, 'edges', 'who calls whom: requests, errors, latency, mTLS')
    .addOption(output())
    .option('-w, --watch', 'again each second')
    .action(async (options) => exit(await (await import('./edges.ts')).edges(await context(), options)));
  const authz = program.command('authz').description('who may do what');
  add(authz, 'check', 'the policies of a workload')
    .argument('<workload>', 'NAME or NAME.NAMESPACE')
    .addOption(output())
    .action(async (name, options) =>
      exit(await (await import('./authz.ts')).authzCheck(await context(), name, options)),
    );
  add(authz, 'explain', 'why a request would be allowed or denied, and what was nearly so')
    .addOption(output())
    .requiredOption('--to <workload>', 'NAME or NAME.NAMESPACE')
    .option('--from <identity>', 'NAMESPACE/SERVICE-ACCOUNT or a whole identity (default: no certificate)')
    .option('--method <method>', 'HTTP method', 'GET')
    .option('--path <path>', 'path', '/')
    .option('--host <host>', 'host')
    .option('--port <port>', 'port of the workload')
    .option('--ip <address>', 'address of the caller')
    .option('--header <name=value>', 'a header; may be repeated', collect, [] as string[])
    .option('--claims <json>', 'claims of a verified token')
    .action(async (options) => exit(await (await import('./authz.ts')).authzExplain(await context(), options)));
  add(
    program.command('mtls').description('mutual TLS'),
    'plan',
    'who still speaks plaintext, and whether STRICT is safe',
  )
    .option('-n, --namespace <name>', 'one namespace')
    .addOption(output())
    .action(async (options) => exit(await (await import('./mtls.ts')).mtlsPlan(await context(), options)));
  const ca = program.command('ca').description('the certificate authority of the mesh');
  add(ca, 'status', 'who signs, which roots are trusted, and whether one is being replaced')
    .addOption(output())
    .action(async (options) => exit(await (await import('./ca.ts')).caStatus(await context(), options)));
  add(ca, 'rotate', 'replace the root: both are trusted, the new one signs, the old one goes')
    .option('--spread <duration>', 'how long the new root is announced before it signs (default: 60s)')
    .option('--now', 'take the next step of the rotation at once')
    .addOption(output())
    .action(async (options) => exit(await (await import('./ca.ts')).caRotate(await context(), options)));
  add(ca, 'revoke', 'refuse a certificate from now on, and cut who shows it')
    .option('--serial <hex>', 'one certificate; this or --identity')
    .option('--identity <spiffe-id>', 'all certificates of an identity that are valid now')
    .action(async (options) => exit(await (await import('./ca.ts')).caRevoke(await context(), options)));
  add(program, 'logs', 'what a process of the mesh wrote')
    .argument('<workload>', 'its name, as "topsail status" has it; or discovery')
    .option('-f, --follow', 'go on')
    .option('--tail <lines>', 'how many lines, or all', '200')
    .action(async (name, options) => exit(await (await import('./logs.ts')).logs(await context(), name, options)));
  add(program, 'bug-report', 'collect what a maintainer needs, without keys and tokens')
    .option('--file <path>', 'where to', 'topsail-bug-report.txt')
    .action(async (options) => exit(await (await import('./bug-report.ts')).bugReport(await context(), options)));
  program
    .command('completion')
    .description('completion script of a shell: source <(topsail completion bash)')
    .addArgument(new Argument('<shell>', 'of which shell').choices(['bash', 'zsh', 'fish']))
    .action(async (shell) => {
      const { completion } = await import('./completion.ts');
      (await context()).out(completion(program, shell));
      exit(0);
    });
}

const TRACING = 'the dashboard shows traces of this collector, such as http://127.0.0.1:9411, Zipkin’s API';

const PROMETHEUS =
  'the dashboard reads ranges beyond the last hour from this Prometheus, such as http://127.0.0.1:9090';
const RECENT = 'requests a second remembered of each proxy, for what-if, denials and explain (0: none; default: 2)';

const CONCURRENCY = "threads that carry the workload's traffic, 1 to 64";

function wholeNumber(text: string): number {
  if (/^\d{1,4}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('Give a whole number, such as 2.');
}

function httpUrl(text: string): string {
  if (URL.canParse(text) && new URL(text).protocol === 'http:') return text;
  throw new InvalidArgumentError('Give an http URL, such as http://127.0.0.1:9411.');
}

function addProcessCommands(program: Command, { starters, exit }: ProgramParts): void {
  add(program, 'demo', 'a mesh on this machine: control plane, gateway, bookshop, light load')
    .option('--no-load', 'without the built-in load')
    .option(
      '--port-base <port>',
      'five ports from here on: http, https, xDS, monitoring, page (default: 8080, 8443, 15012, 15014, 20001)',
    )
    .option('--tracing <url>', TRACING, httpUrl)
    .option('--prometheus <url>', PROMETHEUS, httpUrl)
    .addOption(
      new Option('--capture <tier>', 'how traffic is caught')
        .choices(['auto', 'userns', 'netns', 'none'])
        .default('auto'),
    )
    .addOption(new Option('--data-plane <which>', 'which proxy').choices(['topsail', 'envoy']).default('topsail'))
    .action(async (options) => exit(await starters.demo(options)));
  add(program, 'discovery', 'the control plane')
    .option('--config <dir>', 'folder of YAML to watch (default: HOME/config)')
    .option(
      '--kubernetes',
      'configuration, state and identity from the API server of --kubeconfig, or of the cluster this runs in',
    )
    .option('--registries <names>', 'Kubernetes: the same as --kubernetes, as istiod has it')
    .option('--kubeconfig <file>', 'which API server')
    .option(
      '--untaint-nodes <bool>',
      'take cni.istio.io/not-ready from nodes once the CNI plugin is ready there (default: false)',
    )
    .option('--cni-namespace <namespace>', "of the CNI plugin's agents (default: our own)")
    .option('--https-port <port>', 'webhooks, with --kubernetes', '15017')
    .option('--ready-port <port>', 'readiness, with --kubernetes', '8080')
    .option('--xds-port <port>', 'xDS and certificates, TLS', '15012')
    .option('--monitoring-port <port>', 'metrics and debug pages', '15014')
    .option('--port <port>', 'API and live page', '20001')
    .option('--tlsCertFile <file>', 'certificate to serve with, where another authority signs (ENABLE_CA_SERVER=false)')
    .option('--tlsKeyFile <file>', 'its key')
    .option('--caCertFile <file>', 'the roots that the mesh trusts then')
    .option('--tracing <url>', TRACING, httpUrl)
    .option('--prometheus <url>', PROMETHEUS, httpUrl)
    .option('--recent-requests <n>', RECENT, wholeNumber)
    .option(
      '--jwks-allow <address>',
      'keys of issuers and SPIFFE bundles may be fetched from this address though it is not public ("private": from all private and loopback ones)',
      collect,
      [] as string[],
    )
    .option(
      '--wasm-allow <address>',
      'modules of WasmPlugins may be fetched from this address though it is not public ("private": from all private and loopback ones)',
      collect,
      [] as string[],
    )
    .option(
      '--wasm-insecure-registry <host>',
      'modules are pulled from this registry by http ("host:port")',
      collect,
      [] as string[],
    )
    .option('--wasm-module-bytes <n>', 'most bytes of a module (default: 16777216)', wholeNumber)
    .option('--log-level <level>', 'debug, info, warn or error', 'info')
    .action(async (options) => exit(await starters.discovery(options)));
  workloadFlags(add(program, 'run', 'put a process into the mesh: topsail run --name a --port 9080 -- COMMAND...'))
    .option(
      '--port <[name:]port>',
      'a port that the service declares, such as http:9080; may be repeated; the process is told its own in $PORT',
      collect,
      [] as string[],
    )
    .option(
      '--metrics <path>',
      "where the process shows its own metrics, for example /metrics: shown beside the proxy's",
    )
    .option('--app-port <port>', 'port on which the process really listens (default: chosen, handed over as $PORT)')
    .addOption(
      new Option('--capture <tier>', 'how its traffic is caught')
        .choices(['auto', 'userns', 'netns', 'none'])
        .default('auto'),
    )
    .addOption(new Option('--data-plane <which>', 'which proxy').choices(['topsail', 'envoy']).default('topsail'))
    .option('--concurrency <n>', CONCURRENCY, '1')
    .argument('<command...>', 'the process')
    .passThroughOptions()
    .action(async (command, options) => exit(await starters.run(command, options)));
  workloadFlags(add(program, 'gateway', 'an ingress gateway'))
    .option(
      '--bind-address <address>',
      'where servers listen that name no address; 0.0.0.0 lets other machines in',
      '127.0.0.1',
    )
    .option('--bind <port=port>', 'container port = port to bind here, e.g. 8080=8080', collect, [] as string[])
    .addOption(new Option('--data-plane <which>', 'which proxy').choices(['topsail', 'envoy']).default('topsail'))
    .option('--concurrency <n>', CONCURRENCY, '1')
    .action(async (options) => exit(await starters.gateway(options)));
  program
    .command('proxy')
    .description('the proxy alone, with an Envoy bootstrap')
    .option('-c, --config-path <file>', 'bootstrap, JSON or YAML')
    .option('--config-yaml <text>', 'bootstrap as text, merged over the file')
    .addOption(
      new Option('--mode <mode>', 'validate: say whether the bootstrap is good, and end')
        .choices(['serve', 'validate'])
        .default('serve'),
    )
    .option('--service-node <id>', 'node id')
    .option('--service-cluster <name>', 'node cluster')
    .option('--concurrency <n>', 'worker threads, 1 to 64', '1')
    .option('--hand-over-socket <path>', 'take over from the proxy that waits there, then wait there for the next')
    .option('--drain-time-s <seconds>', 'how long connections may take to end when this proxy does', '10')
    .option('-l, --log-level <level>', 'debug, info, warn or error', 'info')
    .allowUnknownOption()
    .action(async (options) => exit(await starters.proxy(options)));
}

function workloadFlags(command: Command): Command {
  return command
    .requiredOption('--name <name>', 'name of the workload')
    .addOption(namespaceFlag('the workload'))
    .option('--service-account <name>', 'service account', 'default')
    .option('--labels <k=v,...>', 'labels that Services select by, such as app=a,version=v1', '')
    .addOption(
      new Option('--access-log <where>', 'one line for every request: to HOME/logs, for "topsail logs"; or mixed here')
        .choices(['file', 'stdout', 'stderr'])
        .default('file'),
    )
    .option('--log-level <level>', 'debug, info, warn or error', 'info');
}
