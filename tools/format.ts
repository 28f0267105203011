// Formats the whole tree; `--check` only says what is not formatted.
import { bin, runStep } from './steps.ts';

const write = process.argv.includes('--check') ? [] : ['--write'];
process.exit(runStep({ name: 'format', command: bin('biome'), args: ['format', ...write, '.'] }).ok ? 0 : 1);
