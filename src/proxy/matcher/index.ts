// Conditions over requests, compiled once from configuration.
export * from './cidr.ts';
export * from './fraction.ts';
export * from './header-matcher.ts';
export * from './match-input.ts';
export * from './metadata-matcher.ts';
export * from './path-template.ts';
export * from './query-matcher.ts';
export { type CompiledRegex, compileRegex, loadRegexEngine } from './regex.ts';
export * from './request-header.ts';
export * from './string-matcher.ts';
