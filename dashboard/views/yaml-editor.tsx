// The YAML editor: completion from the schemas, findings at their lines. It lives in a shadow root, because there its
// style sheets need no exception from the page's policy.
import { autocompletion, type CompletionContext, type CompletionResult } from '@codemirror/autocomplete';
import { yaml } from '@codemirror/lang-yaml';
import { HighlightStyle, syntaxHighlighting } from '@codemirror/language';
import { type Diagnostic, lintGutter, setDiagnostics } from '@codemirror/lint';
import { Compartment, EditorState } from '@codemirror/state';
import { EditorView } from '@codemirror/view';
import { tags } from '@lezer/highlight';
import { basicSetup } from 'codemirror';
import { type ReactNode, useEffect, useRef } from 'react';
import schema from '../../docs/reference/topsail.schema.json';
import type { FindingJson } from '../../src/api/api-json.ts';
import { type Schemas, suggestionsAt } from '../core/schema-complete.ts';
import { yamlPlace } from '../core/yaml-path.ts';

export interface YamlEditorProps {
  readonly text: string;
  readonly onChange: (text: string) => void;
  readonly findings: readonly FindingJson[];
  readonly readOnly: boolean;
  /** Shown and chosen when the editor opens, from 1. */
  readonly line?: number;
}

/** Whether one may write is known a little after the editor is there: it must not lose the cursor by that. */
const LOCK = new Compartment();

const SCHEMAS = schema.$defs as unknown as Schemas;

const LOOK = EditorView.theme({
  '&': { fontSize: '13px', backgroundColor: 'transparent', color: 'var(--ink)', minHeight: '340px', maxHeight: '70vh' },
  '.cm-scroller': { fontFamily: 'var(--mono)', lineHeight: '1.55', overflow: 'auto' },
  '.cm-content': { caretColor: 'var(--ink)' },
  '.cm-cursor': { borderLeftColor: 'var(--ink)' },
  '.cm-gutters': { backgroundColor: 'var(--sunken)', color: 'var(--soft)', borderRight: '1px solid var(--line)' },
  '.cm-activeLine, .cm-activeLineGutter': { backgroundColor: 'light-dark(#0b5fa50d, #6cb8f512)' },
  '&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground': {
    backgroundColor: 'var(--accent-soft)',
  },
  '.cm-tooltip': {
    backgroundColor: 'var(--raised)',
    color: 'var(--ink)',
    border: '1px solid var(--line-strong)',
    borderRadius: '8px',
  },
  '.cm-tooltip-autocomplete ul li[aria-selected]': { backgroundColor: 'var(--accent)', color: 'var(--on-accent)' },
  '.cm-panels': { backgroundColor: 'var(--sunken)', color: 'var(--ink)' },
});

/** The default colours of words lose contrast in the dark. */
const WORDS = syntaxHighlighting(
  HighlightStyle.define([
    { tag: [tags.propertyName, tags.definition(tags.propertyName)], color: 'var(--accent)' },
    { tag: [tags.string, tags.attributeValue], color: 'var(--ok)' },
    { tag: [tags.number, tags.bool, tags.null, tags.keyword], color: 'var(--warn)' },
    { tag: tags.comment, color: 'var(--soft)', fontStyle: 'italic' },
  ]),
);

export default function YamlEditor({ text, onChange, findings, readOnly, line }: YamlEditorProps): ReactNode {
  const holder = useRef<HTMLDivElement>(null);
  const view = useRef<EditorView>(undefined);
  const changed = useRef(onChange);
  changed.current = onChange;
  /** What was told and may come back as `text` when more has been written already. */
  const told = useRef(new Set<string>());
  useEffect(() => {
    const place = holder.current as HTMLDivElement;
    const root = place.shadowRoot ?? place.attachShadow({ mode: 'open' });
    const made = new EditorView({
      root,
      parent: root,
      state: EditorState.create({
        doc: text,
        extensions: [
          basicSetup,
          yaml(),
          lintGutter(),
          LOOK,
          WORDS,
          autocompletion({ override: [complete] }),
          LOCK.of(EditorState.readOnly.of(readOnly)),
          EditorState.tabSize.of(2),
          EditorView.contentAttributes.of({ 'aria-label': 'YAML of the object' }),
          EditorView.updateListener.of((update) => {
            if (!update.docChanged) return;
            const written = update.state.doc.toString();
            told.current.add(written);
            changed.current(written);
          }),
        ],
      }),
    });
    view.current = made;
    if (line !== undefined) showLine(made, line);
    return () => made.destroy();
  }, []);
  useEffect(() => {
    view.current?.dispatch({ effects: LOCK.reconfigure(EditorState.readOnly.of(readOnly)) });
  }, [readOnly]);
  useEffect(() => {
    const { current } = view;
    if (current === undefined) return;
    if (current.state.doc.toString() === text) return void told.current.clear();
    if (told.current.has(text)) return;
    current.dispatch({ changes: { from: 0, to: current.state.doc.length, insert: text } });
  }, [text]);
  useEffect(() => {
    const { current } = view;
    if (current !== undefined)
      current.dispatch(
        setDiagnostics(
          current.state,
          findings.map((one) => diagnosticOf(current.state, one)),
        ),
      );
  }, [findings]);
  return <div className="editor" ref={holder} />;
}

function showLine(view: EditorView, wanted: number): void {
  const { from, to } = view.state.doc.line(Math.min(Math.max(1, wanted), view.state.doc.lines));
  view.dispatch({ selection: { anchor: from, head: to }, effects: EditorView.scrollIntoView(from, { y: 'center' }) });
}

function complete(context: CompletionContext): CompletionResult | null {
  const line = context.state.doc.lineAt(context.pos);
  const place = yamlPlace(context.state.doc.toString().split('\n'), line.number - 1, context.pos - line.from);
  if (!context.explicit && place.word === '' && place.valueOf === undefined) return null;
  const options = suggestionsAt(SCHEMAS, place).map(({ label, detail, info, insert }) => ({
    label,
    detail,
    apply: insert,
    type: place.valueOf === undefined ? 'property' : 'enum',
    ...(info === '' ? {} : { info }),
  }));
  return options.length === 0 ? null : { from: line.from + place.column, options, validFor: /^[\w./-]*$/ };
}

function diagnosticOf(state: EditorState, finding: FindingJson): Diagnostic {
  const line = state.doc.line(Math.min(Math.max(1, finding.line), state.doc.lines));
  const from = Math.min(line.to, line.from + Math.max(0, finding.column - 1));
  return {
    from,
    to: Math.max(from, line.to),
    severity: finding.severity,
    message: `${finding.message}${finding.path === '' ? '' : ` (${finding.path})`} [${finding.code}]${finding.remedy === '' ? '' : `\n${finding.remedy}`}`,
  };
}
