// Keeps a screen that failed from taking the frame with it.
import { Component, type ReactNode } from 'react';

export class ErrorFence extends Component<{ readonly children: ReactNode }, { readonly problem: string }> {
  override state = { problem: '' };

  static getDerivedStateFromError(error: unknown): { readonly problem: string } {
    return { problem: error instanceof Error ? error.message : String(error) };
  }

  override render(): ReactNode {
    if (this.state.problem === '') return this.props.children;
    return (
      <div className="note bad" role="alert">
        <h2>This screen failed</h2>
        <p>{this.state.problem}</p>
        <button type="button" onClick={() => this.setState({ problem: '' })}>
          Try again
        </button>
      </div>
    );
  }
}
