// Configuration: from text to validated, frozen objects.

export * from './model/index.ts';
