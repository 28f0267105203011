import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Fs, silentLogger } from '#base';
import { KeptText } from './kept-text.ts';

const later = (): Promise<void> => new Promise((done) => setImmediate(done));

describe('a kept text', () => {
  it('is the newest, and what came between is not written', async () => {
    const written: string[] = [];
    const fs = { writeText: async (_: string, text: string) => void written.push(text) } as unknown as Fs;
    const kept = new KeptText(fs, silentLogger, 'state.json');
    for (const text of ['1', '2', '3']) kept.save(text);
    await later();
    kept.save('4');
    await later();
    assert.deepEqual(written, ['1', '3', '4']);
  });

  it('survives a disk that is full, and is written again when there is room', async () => {
    const written: string[] = [];
    let full = true;
    const writeText = async (_: string, text: string): Promise<void> => {
      if (full) throw new Error('ENOSPC: no space left on device, write');
      written.push(text);
    };
    const kept = new KeptText({ writeText } as unknown as Fs, silentLogger, 'state.json');
    kept.save('1');
    await later();
    full = false;
    kept.save('2');
    await later();
    assert.deepEqual(written, ['2']);
  });
});
