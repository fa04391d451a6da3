import { monotonicMs } from '../base/clock.ts';
import { PipelineError } from '../base/errors.ts';
import { Random } from '../base/random.ts';
import { customer, CUSTOMERS_MAX } from '../generate/customers.ts';
import { INDUSTRIES } from '../model/industry.ts';
import { withClient } from '../store/client.ts';
import { SourceRows } from '../store/source-copy.ts';
import { enterIndustryCodes, SourceFiller, type Existing } from '../store/source-tables.ts';

export type CustomersOptions = {
  count: number;
  seed: number;
  existing: Existing;
  rodbUrl?: string; // default: the database itself
  bidbUrl?: string;
  signal?: AbortSignal;
  onProgress?: (customers: number) => void;
};

export type CustomersResult = {
  customers: number;
  contracts: number;
  details: number;
  purchases: number;
  firstCode: string | null;
  seconds: number;
  customersPerSecond: number;
};

/** Customers encoded before they are handed to PostgreSQL: some hundred kilobytes. */
const BATCH = 250;

/**
 * Fills the two sources by COPY. Stopped or killed before the last moment, it leaves them as they
 * were; then the four tables are committed one after the other, and an error says which are.
 */
export async function fillCustomers(
  databaseUrl: string,
  options: CustomersOptions,
): Promise<CustomersResult> {
  const started = monotonicMs();
  const { rodbUrl = databaseUrl, bidbUrl = databaseUrl, existing } = options;
  const filler = await SourceFiller.open({ rodbUrl, bidbUrl }, existing);
  try {
    await write(filler, options);
    const taken = await filler.commit();
    await withClient(databaseUrl, (client) => enterIndustryCodes(client, INDUSTRY_NAMES));
    const seconds = (monotonicMs() - started) / 1_000;
    return {
      ...taken,
      firstCode: options.count === 0 ? null : codeOf(filler.nextNumber),
      seconds,
      customersPerSecond: Math.round(taken.customers / Math.max(seconds, 0.001)),
    };
  } finally {
    await filler.close();
  }
}

const INDUSTRY_NAMES = new Map(
  INDUSTRIES.filter(({ code }) => code !== '').map(({ code, name }) => [code, name]),
);

async function write(filler: SourceFiller, options: CustomersOptions): Promise<void> {
  const { count, seed, signal, onProgress } = options;
  const first = filler.nextNumber;
  if (first + count - 1 > CUSTOMERS_MAX) {
    throw new PipelineError('USAGE', `customer codes end at ${codeOf(CUSTOMERS_MAX)}`);
  }
  const random = new Random(seed, 'customer');
  const rows = new SourceRows();
  for (let done = 0; done < count;) {
    const until = Math.min(count, done + BATCH);
    for (; done < until; done++) rows.add(customer(random, first + done));
    await filler.write(rows);
    if (signal?.aborted) {
      throw new PipelineError('INTERRUPTED', 'stopped; nothing was stored, start again any time');
    }
    onProgress?.(done);
  }
}

function codeOf(number: number): string {
  return `CUS${String(number).padStart(8, '0')}`;
}
