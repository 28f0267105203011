// Commands for Kubernetes: names, flags and help of install and its kin. Loading it loads no command.
import { Argument, type Command, Option } from 'commander';
import type { CliContext } from './context.ts';

/** Commands that need the machine itself; `main` supplies them. */
export interface KubeStarters {
  readonly agent: (role: string, options: Readonly<Record<string, unknown>>) => Promise<number>;
  readonly captureApply: (options: Readonly<Record<string, unknown>>) => Promise<number>;
  readonly captureValidate: () => Promise<number>;
  readonly cniNode: (options: Readonly<Record<string, unknown>>) => Promise<number>;
  readonly images: (action: string, options: Readonly<Record<string, unknown>>) => Promise<number>;
}

interface Parts {
  readonly context: () => Promise<CliContext>;
  readonly kubeStarters: KubeStarters;
  readonly exit: (status: number) => void;
}

const collect = (value: string, before: string[]): string[] => [...before, value];

function clusterFlags(command: Command): Command {
  return command
    .option('-c, --kubeconfig <file>', 'kubeconfig (default: $KUBECONFIG, then ~/.kube/config)')
    .option('--context <name>', 'context of the kubeconfig');
}

function installFlags(command: Command): Command {
  return clusterFlags(command)
    .addOption(
      new Option('-f, --filename <path>', 'IstioOperator file, or - for standard input; may be repeated')
        .argParser(collect)
        .default([] as string[]),
    )
    .addOption(
      new Option(
        '-s, --set <path=value>',
        'one value, for example profile=demo or values.global.proxy.logLevel=debug; may be repeated',
      )
        .argParser(collect)
        .default([] as string[]),
    )
    .option('-r, --revision <name>', 'a control plane of its own beside others')
    .option('--hub <host/path>', 'where the images are')
    .option('--tag <tag>', 'tag of the images');
}

export function addKubeCommands(program: Command, { context, kubeStarters, exit }: Parts): void {
  installFlags(program.command('install').description('install into a Kubernetes cluster, or change what is installed'))
    .option('-y, --skip-confirmation', 'do not ask')
    .option('--dry-run', 'only print what would be applied')
    .option('--readiness-timeout <duration>', 'how long to wait until it runs', '300s')
    .action(async (options) => exit(await (await import('./install.ts')).install(await context(), options)));
  installFlags(
    program
      .command('upgrade')
      .description('install this version over another one; says first what changes for every object and every proxy'),
  )
    .option('-y, --skip-confirmation', 'do not ask')
    .option('--dry-run', 'only print the plan')
    .addOption(new Option('-o, --output <format>', 'as what').choices(['short', 'json']).default('short'))
    .option('--readiness-timeout <duration>', 'how long to wait until it runs', '300s')
    .action(async (options) => exit(await (await import('./upgrade.ts')).upgrade(await context(), options)));
  const manifest = program.command('manifest').description('what install applies, as YAML');
  installFlags(manifest.command('generate').description('print the objects'))
    .option('-o, --output <folder>', 'write one file per component instead')
    .action(async (options) => exit(await (await import('./manifest.ts')).manifestGenerate(await context(), options)));
  installFlags(manifest.command('translate').description('an IstioOperator as values and commands for the Helm charts'))
    .option('-o, --output <folder>', 'write files and install.sh instead')
    .action(async (options) =>
      exit(await (await import('./manifest-translate.ts')).manifestTranslate(await context(), options)),
    );
  clusterFlags(program.command('uninstall').description('remove what install made'))
    .option('--purge', 'every revision')
    .option('--delete-data', 'with --purge: the CustomResourceDefinitions and every object of these kinds, too')
    .option('-r, --revision <name>', 'one revision')
    .option('-y, --skip-confirmation', 'do not ask')
    .option('--dry-run', 'only say what would be removed')
    .action(async (options) => exit(await (await import('./uninstall.ts')).uninstall(await context(), options)));
  program
    .command('images')
    .description(
      "container images without Docker: build, save into a tar, load into a cluster's nodes, push to a registry",
    )
    .addArgument(new Argument('<action>', 'what to do').choices(['build', 'save', 'load', 'push']))
    .option('--hub <host/path>', 'registry and path', 'topsail.local')
    .option('--tag <tag>', 'tag (default: the version)')
    .option('-o, --output <folder>', 'save: folder of the tars', '.')
    .option('--containerd <socket>', "load: containerd's socket (default: kind, k3d or minikube is looked for)")
    .option(
      '--envoy',
      "also topsail-envoy, for pods with the annotation topsail.io/data-plane: envoy (this machine's Envoy)",
    )
    .option('--insecure', 'push: the registry speaks HTTP')
    .action(async (action: string, options) => exit(await kubeStarters.images(action, options)));
  installFlags(program.command('verify-install').description('whether what is installed is whole and runs')).action(
    async (options) => exit(await (await import('./verify-install.ts')).verifyInstall(await context(), options)),
  );
  const experimental = program.command('x').alias('experimental').description('commands that may change');
  installFlags(experimental.command('precheck').description('whether a cluster can take an installation')).action(
    async (options) => exit(await (await import('./verify-install.ts')).precheck(await context(), options)),
  );
  const migrate = program.command('migrate').description('from a running Istio to this mesh');
  clusterFlags(migrate.command('plan').description('what it means, the order of namespaces, the way back; only reads'))
    .option('-r, --revision <name>', 'revision to be installed beside it', 'topsail')
    .option('-i, --istioNamespace <name>', 'namespace of the running control plane', 'istio-system')
    .addOption(new Option('-o, --output <format>', 'as what').choices(['text', 'json']).default('text'))
    .action(async (options) => exit(await (await import('./migrate.ts')).migratePlan(await context(), options)));
  clusterFlags(program.command('cost').description('CPU and memory that the mesh itself takes, by workload'))
    .option('-n, --namespace <name>', 'only of this namespace')
    .option('--seconds <number>', 'how long CPU is measured', '5')
    .addOption(new Option('-o, --output <format>', 'as what').choices(['table', 'json']).default('table'))
    .action(async (options) => exit(await (await import('./cost.ts')).cost(await context(), options)));
  addInjectCommand(program, context, exit);
  addTagCommands(program, context, exit);
  addRevisionCommands(program, context, exit);
  addPodCommands(program, kubeStarters, exit);
}

function addInjectCommand(program: Command, context: Parts['context'], exit: Parts['exit']): void {
  clusterFlags(program.command('kube-inject').description('write the proxy into manifests'))
    .addOption(
      new Option('-f, --filename <path>', 'file, folder or - for standard input; may be repeated')
        .argParser(collect)
        .default([] as string[]),
    )
    .option('-o, --output <file>', 'where to (default: standard output)')
    .option('-n, --namespace <name>', 'namespace of objects that name none', 'default')
    .option('-i, --istioNamespace <name>', 'namespace of the control plane', 'istio-system')
    .option('-r, --revision <name>', 'revision of the control plane')
    .option('--injectConfigFile <file>', "injection settings instead of the cluster's")
    .option('--meshConfigFile <file>', "mesh settings instead of the cluster's")
    .option('--offline', "this version's defaults, without a cluster")
    .addOption(
      new Option('-s, --set <path=value>', 'with --offline: one value; may be repeated')
        .argParser(collect)
        .default([] as string[]),
    )
    .action(async (options) => exit(await (await import('./kube-inject.ts')).kubeInject(await context(), options)));
}

function addTagCommands(program: Command, context: Parts['context'], exit: Parts['exit']): void {
  const tag = program.command('tag').description('names that stand for a revision');
  const named = (name: string, description: string): Command =>
    clusterFlags(tag.command(name).description(description)).option(
      '-i, --istioNamespace <name>',
      'namespace of the control plane',
      'istio-system',
    );
  const load = () => import('./tag.ts');
  named('set', 'make or move a tag')
    .argument('<tag>', 'its name')
    .requiredOption('-r, --revision <name>', 'what it means')
    .option('--overwrite', 'move a tag that means another revision')
    .option('--auto-inject-namespaces', 'with tag default: namespaces without labels, too')
    .action(async (name: string, options) => exit(await (await load()).tagSet(await context(), name, options)));
  named('generate', "print a tag's webhook")
    .argument('<tag>', 'its name')
    .requiredOption('-r, --revision <name>', 'what it means')
    .action(async (name: string, options) => exit((await load()).tagGenerate(await context(), name, options)));
  named('list', 'tags, their revisions and who uses them')
    .addOption(new Option('-o, --output <format>', 'as what').choices(['table', 'json']).default('table'))
    .action(async (options) => exit(await (await load()).tagList(await context(), options)));
  named('remove', 'remove a tag')
    .argument('<tag>', 'its name')
    .option('-y, --skip-confirmation', 'although namespaces use it')
    .action(async (name: string, options) => exit(await (await load()).tagRemove(await context(), name, options)));
}

function addRevisionCommands(program: Command, context: Parts['context'], exit: Parts['exit']): void {
  const revision = program.command('revision').description('the control planes of a cluster');
  const load = () => import('./revision.ts');
  clusterFlags(revision.command('list').description('revisions, tags and who uses them'))
    .addOption(new Option('-o, --output <format>', 'as what').choices(['table', 'json']).default('table'))
    .action(async (options) => exit(await (await load()).revisionList(await context(), options)));
  clusterFlags(revision.command('describe').description('one revision and its pods'))
    .argument('<revision>', 'its name')
    .action(async (name: string, options) =>
      exit(await (await load()).revisionDescribe(await context(), name, options)),
    );
}

/** What runs inside injected pods. */
function addPodCommands(program: Command, starters: KubeStarters, exit: (status: number) => void): void {
  program
    .command('agent')
    .description('agent and proxy of a pod')
    .addArgument(
      new Argument('<role>', 'what the pod is; wait: end when the agent is ready').choices([
        'sidecar',
        'router',
        'wait',
      ]),
    )
    .option('--domain <name>', "DNS domain of the pod's namespace", 'default.svc.cluster.local')
    .option('--log-level <level>', 'debug, info, warning or error', 'info')
    .action(async (role: string, options) => exit(await starters.agent(role, options)));
  const capture = program.command('capture').description("redirection of a pod's traffic");
  capture
    .command('apply')
    .description('redirect this network namespace to the proxy')
    .requiredOption('--plan <json>', 'what to redirect')
    .option('--netns <path>', 'another network namespace')
    .option('--dry-run', 'only print the rules')
    .action(async (options) => exit(await starters.captureApply(options)));
  capture
    .command('validate')
    .description('whether this network namespace is redirected; ends with 126 when it is not')
    .action(async () => exit(await starters.captureValidate()));
  program
    .command('cni')
    .description('redirection of pods by a CNI plugin')
    .command('node')
    .description('install the plugin on this node and keep it there (DaemonSet istio-cni-node)')
    .option('--log-level <level>', 'debug, info, warning or error', 'info')
    .action(async (options) => exit(await starters.cniNode(options)));
}
