// CEL over finished streams: filters of access logs and labels of metrics.
export { attributeOf, type CelContext } from './attributes.ts';
export { type CelProgram, type CelTools, type CelValue, compileCel } from './compile-cel.ts';
