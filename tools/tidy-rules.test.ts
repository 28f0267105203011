// The rules of tidy, each shown to fail on what it forbids and to pass what it allows.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  checkAmbient,
  checkCycles,
  checkDead,
  checkEdges,
  checkForbidden,
  checkShape,
  importsOf,
  LINES_MAX,
} from './tidy-rules.ts';

test('importsOf finds static, type, re-exporting and dynamic imports', () => {
  const found = importsOf(
    "import a from './a.ts';\nimport type { B } from '#base';\nexport * from './c.ts';\nconst d = await import('./d.ts');\n",
  );
  assert.deepEqual(
    found.map((i) => [i.specifier, i.line, i.typeOnly]),
    [
      ['./a.ts', 1, false],
      ['#base', 2, true],
      ['./c.ts', 3, false],
      ['./d.ts', 4, false],
    ],
  );
});

test('an edge that the table lacks is a finding', () => {
  assert.equal(checkEdges({ path: 'src/proxy/a.ts', text: "import { x } from '#config';\n" }).length, 1);
  assert.equal(checkEdges({ path: 'src/proxy/a.ts', text: "import type { x } from '#translate';\n" }).length, 1);
  assert.equal(checkEdges({ path: 'src/proxy/a.ts', text: "import { x } from '#base';\n" }).length, 0);
});

test('a relative path out of the area and a socket outside io are findings', () => {
  assert.equal(checkEdges({ path: 'src/proxy/a/b.ts', text: "import { x } from '../../config/a.ts';\n" }).length, 1);
  assert.equal(checkEdges({ path: 'src/xds/a.ts', text: "import net from 'node:net';\n" }).length, 1);
  assert.equal(checkEdges({ path: 'src/io/a.ts', text: "import net from 'node:net';\n" }).length, 0);
});

test('ambient time is refused outside io and main, and allowed in comments', () => {
  assert.equal(checkAmbient({ path: 'src/push/a.ts', text: 'const t = Date.now();\n' }).length, 1);
  assert.equal(checkAmbient({ path: 'src/push/a.ts', text: '// Date.now() is banned\n' }).length, 0);
  assert.equal(checkAmbient({ path: 'src/main/a.ts', text: 'const t = Date.now();\n' }).length, 0);
});

test('leftovers, drawers, long files and files without an opening comment are findings', () => {
  assert.equal(checkForbidden({ path: 'src/base/a.ts', text: 'const a = 1; FIXME\n' }).length, 1);
  assert.equal(checkShape({ path: 'src/base/utils.ts', text: '// x\n' }).length, 1);
  assert.equal(checkShape({ path: 'src/base/a.ts', text: `// x\n${'\n'.repeat(LINES_MAX)}` }).length, 1);
  assert.equal(checkShape({ path: 'src/base/a.ts', text: 'export const a = 1;\n' }).length, 1);
});

test('files that nothing imports and import cycles are findings', () => {
  const a = { path: 'src/base/a.ts', text: "import { b } from './b.ts';\n" };
  const b = { path: 'src/base/b.ts', text: "import { a } from './a.ts';\n" };
  assert.equal(checkCycles([a, b]).length, 1);
  assert.equal(checkCycles([a, { ...b, text: "import type { a } from './a.ts';\n" }]).length, 0);
  assert.deepEqual(
    checkDead([a, { ...b, text: '' }], new Set()).map((f) => f.path),
    ['src/base/a.ts'],
  );
});
