// The language of expressions in Telemetry objects, shared by those who check them and those who run them.
export { CEL_ATTRIBUTES, celPathOf, celRequestHeaders, checkCel, isCelAttribute } from './cel-attributes.ts';
export { type CelNode, type CelOperator, MAX_CEL_LENGTH, parseCel, visitCel } from './cel-syntax.ts';
