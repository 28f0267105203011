// Runs things once at the end of the present turn of the loop: what one event produces leaves together.
//
// A socket's callback opens a turn and closes it, which costs two assignments; anywhere else a microtask ends it.

const waiting: (() => void)[] = [];
const settled = Promise.resolve();
let open = false;

export function atTurnEnd(run: () => void): void {
  if (waiting.push(run) === 1 && !open) void settled.then(runWaiting);
}

export function openTurn(): void {
  open = true;
}

export function closeTurn(): void {
  open = false;
  if (waiting.length > 0) runWaiting();
}

function runWaiting(): void {
  // What is added meanwhile runs as well.
  for (let i = 0; i < waiting.length; i++) (waiting[i] as () => void)();
  waiting.length = 0;
}
