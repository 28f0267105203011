import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { unclosedFlow } from './unclosed-flow.ts';

function found(...lines: readonly string[]): string {
  const opened = unclosedFlow(lines.join('\n'), lines.length);
  return opened === undefined ? '' : `${opened.bracket} ${opened.line}:${opened.column}`;
}

describe('a bracket that is never closed', () => {
  it('is found, the innermost one', () => {
    assert.equal(found('spec:', '  hosts: [hello', '  http:', '  - route: [{ a: b }]', ''), '[ 2:10');
    assert.equal(found('- { a: [b }', '- c', ''), '[ 1:8');
    assert.equal(found('- [a, { x: "]" ]', ''), '{ 1:7');
    assert.equal(found('a: { b: [c, d], ', 'e: f', ''), '{ 1:4');
  });
  it('is none in texts, comments and block scalars, nor where it is closed', () => {
    assert.equal(found('a: b[c', 'd: x {', ''), '');
    assert.equal(found("a: '['", 'b: "{ \\" ["', "c: 'it''s ['", '# [', 'd: e # {', ''), '');
    assert.equal(found('a: |', '  [', '', '  {', 'b: >-', '  [', ''), '');
    assert.equal(found('a: [b,', '  c]', ''), '');
    assert.equal(found("a: [don't]", ''), '');
  });
  it('is not told where the text broke before it, or ends within quotes', () => {
    assert.equal(unclosedFlow('a: b: c\nd: [\n', 1), undefined);
    assert.equal(found('a: [b', 'c: "d', ''), '');
  });
});
