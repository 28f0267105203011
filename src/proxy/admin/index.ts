export { ADMIN_ROUTES, type AdminRoute, createAdminHandler, PROMETHEUS_PATHS } from './admin-routes.ts';
export type {
  AdminView,
  CertificatePairView,
  CertificateView,
  ClusterView,
  DrainOptions,
  HostView,
  ListenerView,
  MemoryView,
  ServerFacts,
  ServerState,
  ThresholdView,
  WorkersPage,
} from './admin-view.ts';
export type { WorkersView } from './workers-view.ts';
