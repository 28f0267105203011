// How many connections to endpoints begin in one round of the loop: a thousand of them, each with its system calls, would be a turn of a
// hundred milliseconds and help none of those who wait for one. What is begun later is often not needed any more.
import { inParts } from '#base';

/** Of all pools together. */
const PER_ROUND = 4;

let left = PER_ROUND;
let counting = false;
/** Pools that need more, one connection each in turn. */
const waiting: (() => boolean)[] = [];

/** True: one more may begin in this round. */
export function mayConnectNow(): boolean {
  if (!counting) {
    counting = true;
    left = PER_ROUND;
    inParts(nextRound);
  }
  if (left === 0) return false;
  left--;
  return true;
}

/** After `mayConnectNow` said no. `connect` begins one, and returns whether it needs more. */
export function connectLater(connect: () => boolean): void {
  waiting.push(connect);
}

function nextRound(): boolean {
  counting = left < PER_ROUND;
  left = PER_ROUND;
  for (; left > 0 && waiting.length > 0; left--) {
    const connect = waiting.shift() as () => boolean;
    if (connect()) waiting.push(connect);
  }
  counting ||= left < PER_ROUND;
  return counting;
}
