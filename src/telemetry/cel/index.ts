// CEL over finished streams: filters of access logs and labels of metrics.
export { attributeOf, type CelContext, isInbound } from './attributes.ts';
export { type CelProgram, type CelTools, type CelValue, compileCel } from './compile-cel.ts';
