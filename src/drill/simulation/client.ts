import { DatabaseError } from 'pg';

import type { Client } from '../../store/client.ts';
import type { Fault, Point } from './faults.ts';
import type { Session } from './session.ts';

/** What a statement of a part does to the simulated server. */
export type Statement = {
  begins: string; // how its text begins, comments and line breaks left out
  point: Point;
  run: (session: Session, values: readonly unknown[]) => Row[] | Promise<Row[]>;
};

export type Row = Record<string, unknown>;

export function committing(point: Point): Statement {
  return { begins: 'commit', point, run: (session) => (session.commit(), []) };
}

export function rollingBack(point: Point): Statement {
  return { begins: 'rollback', point, run: (session) => (session.rollback(), []) };
}

type Query = string | { text: string; values?: unknown[] };

/** Stands in for a client of `pg`: takes the statements it knows, each at one instant. */
export class SimulatedClient {
  readonly session: Session;
  readonly connection: { stream: { destroy: () => void } };
  readonly #statements: readonly Statement[];

  constructor(session: Session, statements: readonly Statement[]) {
    this.session = session;
    this.connection = { stream: { destroy: () => session.lose() } };
    this.#statements = statements;
  }

  async query(query: Query, values: readonly unknown[] = []): Promise<{ rows: Row[] }> {
    const text = withoutComments(typeof query === 'string' ? query : query.text);
    const statement = this.#statements.find(({ begins }) => text.startsWith(begins));
    if (!statement) throw this.#unknown(text);
    const { point, run } = statement;
    return { rows: await this.session.call(point, () => run(this.session, values)) };
  }

  /** Told apart from what a server may say, which the parts live with. */
  #unknown(text: string): Error {
    const message = `the simulation does not know this statement: ${text}`;
    this.session.database.violations.push(message);
    return new Error(message);
  }

  async end(): Promise<void> {
    const { process } = this.session;
    this.session.lose();
    await process.call('backfill close', () => undefined, pgFailures);
  }

  /** As the parts know it; they ask nothing else of it. */
  get client(): Client {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a part of it, which is all they ask
    return this as unknown as Client;
  }
}

/** As `pg` has it: a server that refuses says why with a code, a lost connection has none. */
export function pgFailures(fault: Fault): Error {
  if (fault !== 'busy') return new Error('Connection terminated unexpectedly');
  const message = 'canceling statement due to statement timeout';
  const error = new DatabaseError(message, message.length, 'error');
  error.code = '57014';
  return error;
}

const texts = new Map<string, string>();

function withoutComments(text: string): string {
  let plain = texts.get(text);
  if (plain === undefined) {
    plain = text
      .replaceAll(/^--.*\n/gm, '')
      .replaceAll(/\s+/g, ' ')
      .trim();
    texts.set(text, plain);
  }
  return plain;
}
