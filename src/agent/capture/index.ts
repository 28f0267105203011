// Transparent capture: which tier, and the rules that redirect a namespace's traffic to the proxy.
export * from './capture-ports.ts';
export * from './capture-watch.ts';
export * from './redirect-rules.ts';
