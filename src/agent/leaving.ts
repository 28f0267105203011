// What an agent says as its health when its workload ends on purpose: the control plane forgets such a workload with
// its connection, and waits only for those that vanished without a word.
export const LEAVING = 'the workload stops';
