// Runs things once at the end of the present turn of the loop: what several events of one turn produce leaves together.

const waiting: (() => void)[] = [];
const settled = Promise.resolve();

export function atTurnEnd(run: () => void): void {
  if (waiting.push(run) === 1) void settled.then(runAll);
}

function runAll(): void {
  // What is added meanwhile runs as well.
  for (let i = 0; i < waiting.length; i++) (waiting[i] as () => void)();
  waiting.length = 0;
}
