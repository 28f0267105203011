// The committed charts are what the builders of `install` make.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { staleCharts } from '../gen-charts.ts';
import { emitTemplate } from './emit-template.ts';
import { marker } from './marker.ts';

describe('charts', () => {
  it('are up to date (else run tools/gen-charts.ts)', () => {
    assert.deepEqual(staleCharts(), []);
  });

  it('hold values where markers stood', () => {
    const object = {
      name: marker('text', '$.Values.a'),
      count: marker('raw', '$.Values.n'),
      mixed: `x-${marker('text', '$.Values.a')}`,
      json: JSON.stringify({ b: marker('text', '$.Values.a') }),
      env: [{ name: marker('tree', '$.Values.env'), value: '' }],
      only: { [marker('tree', '$.Values.map')]: '' },
    };
    assert.equal(
      emitTemplate(object, new Map()),
      [
        'name: {{ $.Values.a | quote }}',
        'count: {{ $.Values.n }}',
        'mixed: {{ (printf "x-%v" ($.Values.a)) | quote }}',
        'json: {{ ((dict "b" ($.Values.a | toString)) | toJson) | quote }}',
        '{{- if $.Values.env }}',
        'env:',
        '  {{- range $name, $value := $.Values.env }}',
        '  - name: {{ $name | quote }}',
        '    value: {{ $value | toString | quote }}',
        '  {{- end }}',
        '{{- end }}',
        '{{- with $.Values.map }}',
        'only:',
        '  {{- toYaml . | nindent 2 }}',
        '{{- end }}',
        '',
      ].join('\n'),
    );
  });
});
