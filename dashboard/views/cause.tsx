// The object that caused something, its field, and the line of its text; the link opens the editor there.
import type { ReactNode } from 'react';
import type { CauseJson } from '../../src/api/api-json.ts';
import { objectPath } from '../store/api.ts';

export function Cause({ cause }: { readonly cause: CauseJson | undefined }): ReactNode {
  if (cause === undefined) return <span className="soft">default</span>;
  const at = cause.textLine > 0 ? `?line=${cause.textLine}` : '';
  return (
    <div>
      <a href={`/config/${objectPath(cause)}${at}`}>
        {cause.kind} {cause.name}
      </a>
      <div className="small soft" title={cause.file}>
        <code>{cause.path.replace(/^spec\./, '')}</code>
        {cause.line > 0 && (
          <>
            {' · '}
            {cause.file === '' ? 'line' : `${cause.file.split('/').at(-1)}, line`} {cause.line}
          </>
        )}
      </div>
    </div>
  );
}
