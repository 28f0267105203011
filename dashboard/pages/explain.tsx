export function ExplainPage() { return null; } export function NewObjectPage() { return null; }
