// Of a test runner's output, what somebody who must mend a failure needs: the failures and the counts.

/** The part from the list of failures on; the whole when there is none (a crash, a time-out). */
export function failuresOf(output: string): string {
  const at = output.indexOf('✖ failing tests:');
  if (at < 0) return output.length > 8000 ? `…\n${output.slice(-8000)}` : output;
  return output.slice(at);
}
