export function TapPage() { return null; } export function NewObjectPage() { return null; }
