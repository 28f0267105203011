export function TapPage() { return null; }
