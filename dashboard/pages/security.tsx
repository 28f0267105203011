export function SecurityPage() { return null; } export function NewObjectPage() { return null; }
