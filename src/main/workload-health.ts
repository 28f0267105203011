// What a workload's agent tells of its health, from two who know of it: the probe of its application, and the guard of
// its capture. Nobody is told that it is well while one of them says why not.

export class WorkloadHealth {
  readonly #report: (problem: string | undefined) => void;
  /** Undefined until somebody asked it. */
  #app: { readonly problem: string | undefined } | undefined = undefined;
  #exposed: string | undefined = undefined;

  constructor(report: (problem: string | undefined) => void) {
    this.#report = report;
  }

  app(problem: string | undefined): void {
    this.#app = { problem };
    this.#tell();
  }

  exposed(reason: string | undefined): void {
    this.#exposed = reason;
    this.#tell();
  }

  #tell(): void {
    if (this.#exposed !== undefined) this.#report(this.#exposed);
    else if (this.#app !== undefined) this.#report(this.#app.problem);
  }
}
