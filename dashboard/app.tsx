// The frame around every screen: where one is, where one can go, who one is; screens are loaded when they are needed.
import { type ComponentType, lazy, type ReactNode, Suspense, useEffect } from 'react';
import { go, usePath } from './store/route.ts';
import { useSession } from './store/session.ts';
import { type Theme, useTheme } from './store/theme.ts';
import { ErrorFence } from './views/error-fence.tsx';
import { Icon, type IconName } from './views/icon.tsx';
import { OverviewPage } from './pages/overview.tsx';

interface Screen {
  readonly pattern: RegExp;
  readonly title: string;
  readonly page: ComponentType<{ readonly params: readonly string[] }>;
  readonly flush?: true;
}

const SCREENS: readonly Screen[] = [
  { pattern: /^\/$/, title: 'Overview', page: OverviewPage },
  {
    pattern: /^\/graph$/,
    title: 'Graph',
    page: lazy(async () => ({ default: (await import('./pages/graph.tsx')).GraphPage })),
    flush: true,
  },
  {
    pattern: /^\/workloads$/,
    title: 'Workloads',
    page: lazy(async () => ({ default: (await import('./pages/workloads.tsx')).WorkloadsPage })),
  },
  {
    pattern: /^\/workloads\/([^/]+)\/([^/]+)$/,
    title: 'Workload',
    page: lazy(async () => ({ default: (await import('./pages/workload.tsx')).WorkloadPage })),
  },
  {
    pattern: /^\/services\/([^/]+)\/([^/]+)$/,
    title: 'Service',
    page: lazy(async () => ({ default: (await import('./pages/service.tsx')).ServicePage })),
  },
  {
    pattern: /^\/config$/,
    title: 'Configuration',
    page: lazy(async () => ({ default: (await import('./pages/config-list.tsx')).ConfigListPage })),
  },
  {
    pattern: /^\/config\/new$/,
    title: 'New object',
    page: lazy(async () => ({ default: (await import('./pages/config-object.tsx')).NewObjectPage })),
  },
  {
    pattern: /^\/config\/([^/]+)\/([^/]+)\/([^/]+)$/,
    title: 'Object',
    page: lazy(async () => ({ default: (await import('./pages/config-object.tsx')).ConfigObjectPage })),
  },
  {
    pattern: /^\/wizard\/([^/]+)$/,
    title: 'Wizard',
    page: lazy(async () => ({ default: (await import('./pages/wizard.tsx')).WizardPage })),
  },
  {
    pattern: /^\/security$/,
    title: 'Security',
    page: lazy(async () => ({ default: (await import('./pages/security.tsx')).SecurityPage })),
  },
  {
    pattern: /^\/tap$/,
    title: 'Tap',
    page: lazy(async () => ({ default: (await import('./pages/tap.tsx')).TapPage })),
  },
  {
    pattern: /^\/traces(?:\/([^/]+))?$/,
    title: 'Traces',
    page: lazy(async () => ({ default: (await import('./pages/traces.tsx')).TracesPage })),
  },
  {
    pattern: /^\/what-if$/,
    title: 'What if',
    page: lazy(async () => ({ default: (await import('./pages/what-if.tsx')).WhatIfPage })),
  },
  {
    pattern: /^\/explain(?:\/([^/]+))?$/,
    title: 'Explain',
    page: lazy(async () => ({ default: (await import('./pages/explain.tsx')).ExplainPage })),
  },
];

const PLACES: readonly { readonly to: string; readonly name: string; readonly icon: IconName; readonly key: string }[] =
  [
    { to: '/', name: 'Overview', icon: 'overview', key: 'o' },
    { to: '/graph', name: 'Graph', icon: 'graph', key: 'g' },
    { to: '/workloads', name: 'Workloads', icon: 'workload', key: 'w' },
    { to: '/config', name: 'Configuration', icon: 'config', key: 'c' },
    { to: '/security', name: 'Security', icon: 'lock', key: 's' },
    { to: '/tap', name: 'Tap', icon: 'tap', key: 't' },
    { to: '/traces', name: 'Traces', icon: 'traces', key: 'r' },
    { to: '/explain', name: 'Explain', icon: 'explain', key: 'e' },
    { to: '/what-if', name: 'What if', icon: 'whatIf', key: 'i' },
  ];

export function App(): ReactNode {
  const path = usePath();
  useShortcuts();
  const screen = SCREENS.find((one) => one.pattern.test(path));
  useEffect(() => {
    document.title = screen === undefined ? 'Topsail' : `${screen.title} · Topsail`;
  }, [screen]);
  const params = (screen?.pattern.exec(path) ?? []).slice(1).map((text) => decodeURIComponent(text ?? ''));
  return (
    <div className="shell" onClick={followLink}>
      <a className="skip" href="#content">
        Skip to content
      </a>
      <Rail path={path} />
      <main id="content" tabIndex={-1} className={screen?.flush === true ? 'flush' : ''}>
        <ErrorFence key={path}>
          <Suspense fallback={<p className="empty">Loading…</p>}>
            {screen === undefined ? <NotFound /> : <screen.page params={params} />}
          </Suspense>
        </ErrorFence>
      </main>
    </div>
  );
}

function Rail({ path }: { readonly path: string }): ReactNode {
  const { canWrite, problem } = useSession();
  const [theme, setTheme] = useTheme();
  return (
    <header className="rail">
      <a className="brand" href="/">
        <Icon name="sail" size={24} />
        Topsail
      </a>
      <nav aria-label="Screens">
        {PLACES.map(({ to, name, icon, key }) => (
          <a
            key={to}
            href={to}
            title={`${name} (g then ${key})`}
            {...(isAt(path, to) ? { 'aria-current': 'page' as const } : {})}
          >
            <Icon name={icon} />
            {name}
          </a>
        ))}
      </nav>
      <div className="foot">
        {canWrite ? (
          <span className="badge ok">
            <Icon name="pen" size={12} />
            may write
          </span>
        ) : (
          <span className="badge" title="Run ./topsail dashboard and open the link that it prints">
            <Icon name="eye" size={12} />
            read only
          </span>
        )}
        {!canWrite && (
          <span className="small">
            {problem === '' ? (
              <>
                To edit, and to see single requests, run <code>./topsail dashboard</code> and open its link
              </>
            ) : (
              problem
            )}
          </span>
        )}
        <label className="row small">
          Theme
          <select value={theme} onChange={(event) => setTheme(event.target.value as Theme)} aria-label="Theme">
            <option value="auto">system</option>
            <option value="light">light</option>
            <option value="dark">dark</option>
          </select>
        </label>
      </div>
    </header>
  );
}

function NotFound(): ReactNode {
  return (
    <div className="empty">
      <h1>No such screen</h1>
      <p>
        <a href="/">Go to the overview</a>
      </p>
    </div>
  );
}

function isAt(path: string, to: string): boolean {
  if (to === '/') return path === '/';
  if (to === '/workloads' && path.startsWith('/services/')) return true;
  if (to === '/config' && path.startsWith('/wizard/')) return true;
  return path === to || path.startsWith(`${to}/`);
}

/** Links within the page change the address without loading it anew. */
function followLink(event: React.MouseEvent): void {
  const link = (event.target as Element).closest('a');
  if (
    link === null ||
    event.defaultPrevented ||
    event.button !== 0 ||
    event.metaKey ||
    event.ctrlKey ||
    event.shiftKey ||
    link.target !== ''
  )
    return;
  const href = link.getAttribute('href') ?? '';
  if (!href.startsWith('/') || href === '/plain') return;
  event.preventDefault();
  go(href);
}

/** `g` then a letter goes to a screen; `/` to the search field. */
function useShortcuts(): void {
  useEffect(() => {
    let before = '';
    const onKey = (event: KeyboardEvent): void => {
      const target = event.target as HTMLElement;
      if (
        event.ctrlKey ||
        event.metaKey ||
        event.altKey ||
        /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName) ||
        target.shadowRoot !== null ||
        target.isContentEditable
      )
        return;
      const place = before === 'g' ? PLACES.find((one) => one.key === event.key) : undefined;
      before = event.key;
      if (place !== undefined) go(place.to);
      if (event.key === '/') {
        event.preventDefault();
        document.querySelector<HTMLInputElement>('input[type="search"]')?.focus();
      }
    };
    document.addEventListener('keydown', onKey);
    return () => document.removeEventListener('keydown', onKey);
  }, []);
}
