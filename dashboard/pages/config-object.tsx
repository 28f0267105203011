export function ConfigObjectPage() { return null; } export function NewObjectPage() { return null; }
