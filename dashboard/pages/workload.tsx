export function WorkloadPage() { return null; } export function NewObjectPage() { return null; }
