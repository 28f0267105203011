// Images that the bed itself needs: a sandbox that only waits (a program of nine bytes), and the cluster's DNS.
import { readFileSync } from 'node:fs';
import process from 'node:process';
import { type ImageArchitecture, makeImage, type OciImage } from '#controllers';

const architecture: ImageArchitecture = process.arch === 'arm64' ? 'arm64' : 'amd64';
const nothing = { user: '', env: {}, workingDir: '/', labels: {} };

export function pauseImage(): OciImage {
  return makeImage(architecture, { ...nothing, user: '65535:65535', entrypoint: ['/pause'] }, [
    [{ path: 'pause', kind: 'file', mode: 0o755, content: waitingProgram() }],
  ]);
}

export function coreDnsImage(program: string): OciImage {
  return makeImage(architecture, { ...nothing, entrypoint: ['/coredns'] }, [
    [{ path: 'coredns', kind: 'file', mode: 0o755, content: readFileSync(program) }],
  ]);
}

/** A static ELF program: waits for a signal, for ever. */
function waitingProgram(): Uint8Array {
  // x64: mov eax, 34 (pause); syscall; jmp start. arm64: x0..x3 = 0; x8 = 73 (ppoll); svc 0; b start.
  const code =
    architecture === 'amd64'
      ? Buffer.from('b8220000000f05ebf7', 'hex')
      : Buffer.from('000080d2010080d2020080d2030080d2280980d2010000d4fbffff17', 'hex');
  const base = 0x400000n;
  const start = 120;
  const elf = Buffer.alloc(start + code.length);
  elf.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1], 0);
  elf.writeUInt16LE(2, 16);
  elf.writeUInt16LE(architecture === 'amd64' ? 62 : 183, 18);
  elf.writeUInt32LE(1, 20);
  elf.writeBigUInt64LE(base + BigInt(start), 24);
  elf.writeBigUInt64LE(64n, 32);
  elf.writeUInt16LE(64, 52);
  elf.writeUInt16LE(56, 54);
  elf.writeUInt16LE(1, 56);
  elf.writeUInt32LE(1, 64);
  elf.writeUInt32LE(5, 68);
  elf.writeBigUInt64LE(base, 80);
  elf.writeBigUInt64LE(base, 88);
  elf.writeBigUInt64LE(BigInt(elf.length), 96);
  elf.writeBigUInt64LE(BigInt(elf.length), 104);
  elf.writeBigUInt64LE(4096n, 112);
  elf.set(code, start);
  return elf;
}
