// From text, or plain data, to objects and complaints.

export { locator, type Spot } from './locate.ts';
export { type ParsedDocument, type ParseOptions, parseText } from './parse-text.ts';
export * from './parse-manifest.ts';
export { POD_SETTINGS, POD_SETTINGS_READ, type ReadProxyConfig, readProxyConfig } from './read-proxy-config.ts';
export * from './regex.ts';
export * from './split-documents.ts';
export * from './path-steps.ts';
