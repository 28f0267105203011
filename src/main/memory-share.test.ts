import assert from 'node:assert/strict';
import { test } from 'node:test';
import { memoryShare } from './memory-share.ts';

const MIB = 1 << 20;
const reading =
  (files: Readonly<Record<string, string>>) =>
  (path: string): string | undefined =>
    files[path];
const percent = (share: number): number => Math.round(share * 100);

test('a cgroup v2 limit, without the file pages that the kernel can take back', () => {
  const share = memoryShare({
    read: reading({
      '/proc/self/cgroup': '0::/pods/one',
      '/sys/fs/cgroup/pods/one/memory.max': String(128 * MIB),
      '/sys/fs/cgroup/pods/one/memory.current': String(100 * MIB),
      '/sys/fs/cgroup/pods/one/memory.stat': `anon 1\nactive_file ${10 * MIB}\ninactive_file ${26 * MIB}\nslab 3`,
    }),
  });
  assert.equal(percent(share()), 50);
});

test("a limit of a parent's counts, and a group that is mounted as the root", () => {
  const share = memoryShare({
    read: reading({
      '/proc/self/cgroup': '0::/',
      '/sys/fs/cgroup/memory.max': String(100 * MIB),
      '/sys/fs/cgroup/memory.current': String(90 * MIB),
    }),
  });
  assert.equal(percent(share()), 90);
  const nested = memoryShare({
    read: reading({
      '/proc/self/cgroup': '0::/a/b',
      '/sys/fs/cgroup/a/b/memory.max': 'max',
      '/sys/fs/cgroup/a/memory.max': String(100 * MIB),
      '/sys/fs/cgroup/a/memory.current': String(40 * MIB),
    }),
  });
  assert.equal(percent(nested()), 40);
});

test('a cgroup v1 limit; one that is no limit is none', () => {
  const files = {
    '/proc/self/cgroup': '5:cpu,cpuacct:/x\n4:memory:/x',
    '/sys/fs/cgroup/memory/x/memory.limit_in_bytes': String(200 * MIB),
    '/sys/fs/cgroup/memory/x/memory.usage_in_bytes': String(190 * MIB),
    '/sys/fs/cgroup/memory/x/memory.stat': `total_inactive_file ${30 * MIB}\ntotal_active_file ${60 * MIB}`,
  };
  assert.equal(percent(memoryShare({ read: reading(files) })()), 50);
  const free = { ...files, '/sys/fs/cgroup/memory/x/memory.limit_in_bytes': '9223372036854771712' };
  assert.ok(memoryShare({ read: reading(free) })() < 0.5, "only the heap's own limit is left");
});

test('a limit that the user gives is of this process; nonsense is refused by name', () => {
  assert.ok(memoryShare({ given: '1Mi' })() > 5);
  assert.ok(memoryShare({ given: '64Gi' })() < 0.5);
  assert.throws(() => memoryShare({ given: 'much' }), /TOPSAIL_MEMORY_LIMIT: "much" is no amount of memory/);
});
