// The last lines that a workload's processes wrote, for the dashboard. Access logs hold paths: reading them needs the token.
import { type Fs, type HttpRoute, jsonAnswer } from '#base';
import { logFileOf } from './log-file.ts';

const LINES_MAX = 1_000;
const NAME = /^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/;

export function logRoutes(fs: Pick<Fs, 'readText' | 'walk'>, folder: string): readonly HttpRoute[] {
  return [
    {
      method: 'GET',
      path: '/api/v1/logs/:workload',
      write: true,
      answer: async ({ params, query }) => {
        const workload = params['workload'] ?? '';
        if (!NAME.test(workload) || workload.includes('..'))
          return jsonAnswer({ error: `"${workload}" is no workload's name` }, 400);
        const file = logFileOf(await fs.walk(folder), workload);
        const text = file === undefined ? undefined : await fs.readText(`${folder}/${file}`);
        if (text === undefined) return jsonAnswer({ error: `no log of ${workload} is kept here` }, 404);
        const lines = text.trimEnd().split('\n');
        return jsonAnswer({ lines: lines.slice(-Math.min(LINES_MAX, Number(query.get('tail') ?? 200))) });
      },
    },
  ];
}
