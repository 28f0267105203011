export { MergedExposition } from './merge-expositions.ts';
export { Edge, EdgeIndex, type EdgeProtocol, type Reporter } from './edge.ts';
export { IstioMetrics, type IstioMetricsOptions, type TcpReport } from './istio-metrics.ts';
export { compileMetricRules, type MetricConfig, type MetricRules } from './metric-rules.ts';
