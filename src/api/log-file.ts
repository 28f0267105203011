// Which log is meant: processes of the demo write NAME.log, workloads started by hand NAME.NAMESPACE.log.

/** `files` are the names in the folder of logs, `asked` is NAME or NAME.NAMESPACE. Undefined: there is none. */
export function logFileOf(files: readonly string[], asked: string): string | undefined {
  const logs = files.filter((file) => file.endsWith('.log'));
  const [name = ''] = asked.split('.');
  return (
    logs.find((file) => file === `${asked}.log`) ??
    logs.find((file) => file === `${asked}.default.log`) ??
    logs.find((file) => file.startsWith(`${asked}.`)) ??
    // A demo's process may be called by its workload's whole name.
    logs.find((file) => file === `${name}.log`)
  );
}
