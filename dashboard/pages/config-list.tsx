export function ConfigListPage() { return null; } export function NewObjectPage() { return null; }
