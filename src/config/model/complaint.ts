// What is wrong with configuration, in a form that a person, an editor and a status field can all use.

export type Severity = 'error' | 'warning' | 'info';

export interface Complaint {
  /** TS-CFG-… for documents, IST… for findings across objects (Istio's analyzer codes). */
  readonly code: string;
  readonly severity: Severity;
  readonly file: string;
  /** From 1; 0 when unknown. */
  readonly line: number;
  readonly column: number;
  /** `Kind namespace/name`, as far as it could be read. */
  readonly object: string;
  /** `spec.http[0].route[1].weight`; empty when it concerns the whole document. */
  readonly path: string;
  readonly message: string;
  readonly expected?: string;
  /** The known name nearest to the one written. */
  readonly nearest?: string;
  readonly remedy: string;
  /** Page and anchor below docs/. */
  readonly page: string;
}
