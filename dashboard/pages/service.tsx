export function ServicePage() { return null; } export function NewObjectPage() { return null; }
