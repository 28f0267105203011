export function WizardPage() { return null; } export function NewObjectPage() { return null; }
