import auditProducts from '../../sql/queries/audit_products.sql' with { type: 'text' };
import auditUsers from '../../sql/queries/audit_users.sql' with { type: 'text' };
import { query, type Client } from './client.ts';

/** How many rows of a derived column differ from what the orders say, and the first of them. */
export type DerivedDifference = {
  column: string;
  wrong: number;
  firstId: string | null;
  expected: string | null;
  found: string | null;
};

/** Compares what is kept beside the orders with the orders themselves, as plain SQL has it. */
export async function compareDerived(client: Client): Promise<DerivedDifference[]> {
  type Row = {
    wrong: number;
    first_id: string | null;
    expected: string | null;
    found: string | null;
  };
  const differences: DerivedDifference[] = [];
  for (const [column, sql] of [
    ['users.last_ordered_at', auditUsers],
    ['products.order_count', auditProducts],
  ]) {
    const [row] = await query<Row>(client, `adding up ${column}`, sql);
    const { wrong, first_id: firstId, expected, found } = row;
    differences.push({ column, wrong, firstId, expected, found });
  }
  return differences;
}
