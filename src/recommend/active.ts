import { compareCodePoints } from './encoder.ts';

/**
 * Which contracts are in force. Days are whole numbers that read as dates, 20251231, so that they
 * compare as days do; a date that is missing or is none is null.
 */
export type Contract = {
  item: string; // 계약대상
  signed: number | null; // 계약일자
  starts: number | null; // 시작일자
  ends: number | null; // 종료일자; OPEN_END for ever
  cancelled: string | null; // 해약여부
  cancelledOn: number | null; // 해약일자
};

export const OPEN_END = 99_991_231;

/**
 * The distinct items in force at the end of `today`, by code point. Of several contracts on one item
 * the one that started last decides, the later in order among equals: it supersedes the others.
 */
export function activeItems(contracts: readonly Contract[], today: number): string[] {
  const active: string[] = [];
  for (let at = 0; at < contracts.length; at++) {
    const contract = contracts[at];
    if (!inForce(contract, today) || superseded(contracts, at, today)) continue;
    active.push(contract.item);
  }
  return active.length < 2 ? active : active.toSorted(compareCodePoints);
}

/** A cancellation with a date counts from that day on, whatever 해약여부 says today. */
function inForce(contract: Contract, today: number): boolean {
  if (!started(contract, today)) return false;
  const { cancelledOn, ends } = contract;
  if (cancelledOn === null ? isTrue(contract.cancelled) : cancelledOn <= today) return false;
  return ends === null || ends >= today;
}

/** Where no date says when, it has started: nothing says that it lies ahead. */
function started(contract: Contract, today: number): boolean {
  return startOf(contract) <= today;
}

function startOf({ starts, signed }: Contract): number {
  return starts ?? signed ?? 0;
}

function superseded(contracts: readonly Contract[], at: number, today: number): boolean {
  const own = contracts[at];
  for (let i = 0; i < contracts.length; i++) {
    const other = contracts[i];
    if (i === at || other.item !== own.item || !started(other, today)) continue;
    const ahead = startOf(other) - startOf(own);
    if (ahead > 0 || (ahead === 0 && i > at)) return true;
  }
  return false;
}

const TRUE = new Set(['TRUE', 'T', 'Y', '1']);
const FALSE = new Set(['FALSE', 'F', 'N', '0']);

function isTrue(text: string | null): boolean {
  return text !== null && TRUE.has(text.toUpperCase());
}

/** The original leaves this customer out. */
const PARITY_LEFT_OUT = 'AT7728';
const PARITY_RENEWALS_FROM = 20_220_101;

/**
 * The original's own rule: whether a customer has a contract that any of three loose tests calls
 * active. An expired contract that nobody marked as cancelled keeps its customer active.
 */
export function parityActive(
  code: string | null,
  contracts: readonly Contract[],
  today: number,
): boolean {
  if (!code || code === PARITY_LEFT_OUT) return false;
  // Missing starts go last, as sorting puts them there; equal ones keep their order.
  const sorted = contracts.toSorted((a, b) => (a.starts ?? Infinity) - (b.starts ?? Infinity) || 0);
  return sorted.some((contract, at) => {
    const next = sorted.find((other, i) => i > at && other.item === contract.item);
    return parityContractActive(contract, next, today);
  });
}

function parityContractActive(
  { starts, ends, cancelled, cancelledOn }: Contract,
  next: Contract | undefined,
  today: number,
): boolean {
  let cancel = cancelledOn;
  // `??`: the next contract's start may be missing too, as a shifted column's last value is.
  if (cancel === null && ends !== null && ends >= PARITY_RENEWALS_FROM)
    cancel = next?.starts ?? starts;
  if (cancel === null && ends !== null && ends < today) cancel = ends;
  if (cancel === null) return true;
  if (cancelled !== null && FALSE.has(cancelled.toUpperCase())) return true;
  return ends !== null && ends > today;
}
