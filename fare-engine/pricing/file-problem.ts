/**
 * A problem in a file of a feed or a tariff package: where it is, what it is, and how a person mends it.
 */

import type { FileProblemCode } from './problem-codes.ts';

export interface FileProblem {
  readonly code: FileProblemCode;
  readonly file: string;
  /** From 1; the row's first line. */
  readonly line: number;
  /** Character in the line, from 1. */
  readonly column: number;
  /** An error makes the feed or package unusable; a warning is read in the stated way. */
  readonly severity: 'error' | 'warning';
  readonly message: string;
  readonly howToMend: string;
}

/** `file:line:column: error: message → how to mend [CODE]` – the form editors and CI understand: one line, whatever a file has for names. */
export function formatFileProblem(problem: FileProblem): string {
  const { code, file, line, column, severity, message, howToMend } = problem;
  const text = `${file}:${line}:${column}: ${severity}: ${message} → ${howToMend} [${code}]`;
  return text.replace(/\p{Cc}/gu, ' ');
}

/** The same, but the package is read: what became a check later does not take back what was activated. */
export function asWarning(problem: FileProblem): FileProblem {
  return { ...problem, severity: 'warning' };
}

/** Orders problems by place, so that output does not depend on the order of checks. */
export function compareFileProblems(a: FileProblem, b: FileProblem): number {
  return (
    compareText(a.file, b.file) || a.line - b.line || a.column - b.column || compareText(a.message, b.message)
  );
}

/** Whether any of the problems makes the whole unusable. */
export function hasErrors(problems: readonly FileProblem[]): boolean {
  return problems.some((p) => p.severity === 'error');
}

/** Compares by UTF-16 code units: the same everywhere, unlike localeCompare. */
export function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
