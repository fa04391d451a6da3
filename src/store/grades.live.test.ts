import { afterAll, expect, test } from 'bun:test';
import { seoulMidnight } from '../base/clock.ts';
import { Random } from '../base/random.ts';
import { userRows } from '../generate/users.ts';
import {
  DEMOTIONS,
  determineGrade,
  type Grade,
  GRADE_PRESET_NAMES,
  GRADE_PRESETS,
  type GradeRules,
  GRADES,
  stepGrade,
} from '../model/grade.ts';
import { orderId, ORDER_STATUSES } from '../model/order.ts';
import { testDatabase } from '../stack/testing.ts';
import { connect } from './client.ts';
import { type GradeOptions, passGrades } from './grades.ts';
import { migrate } from './migrate.ts';
import { copyUsers } from './shop.ts';

const AS_OF = seoulMidnight(2025, 8, 31);
const WINDOW_FROM = seoulMidnight(2025, 2, 28); // February has no 31st
const database = await testDatabase('grades');
const client = await connect(database.url);
await migrate(client);
const window = {
  firstNumber: 1,
  fromMs: seoulMidnight(2021, 1, 1),
  toMs: seoulMidnight(2025, 1, 1),
};
const users = userRows({ ...window, seed: 3, count: 1_500 });
await copyUsers(client, users);

afterAll(async () => {
  await client.end();
  await database.drop();
});

type Row = { user: string; atMs: number; amount: number; status: string };
const rows: Row[] = [];
const random = new Random(11, 'live');
const inWindow = (): number =>
  WINDOW_FROM + random.below(180) * 86_400_000 + random.below(86_400_000);

/** `count` rows that add up to exactly `amount`. */
function spend(user: string, amount: number, count: number, atMs = inWindow): void {
  for (let left = count; left > 0; left--) {
    const part = left === 1 ? amount : Math.floor(amount / left);
    rows.push({ user, atMs: atMs(), amount: part, status: 'Success' });
    amount -= part;
  }
}

/** Every threshold of every preset, exactly met and one short in either sum. */
const corners = GRADE_PRESET_NAMES.flatMap((preset) => GRADE_PRESETS[preset]).flatMap(
  ({ amountMin, ordersMin }) => [
    [amountMin, ordersMin],
    [amountMin - 1, ordersMin],
    [amountMin, ordersMin - 1],
    [amountMin - 1, ordersMin - 1],
  ],
);
let next = 0;
for (const [amount, count] of corners) spend(users[next++].userId, amount, count);
// One order on either side of the window's two ends, next to sums that are one order short.
for (const atMs of [WINDOW_FROM - 1, WINDOW_FROM, AS_OF - 1, AS_OF]) {
  spend(users[next].userId, 299_000, 2);
  spend(users[next++].userId, 1_000, 1, () => atMs);
}
for (const { userId } of users.slice(next, 1_200)) {
  const rate = 10 ** (1 + 3 * random.next());
  for (let left = random.below(36); left > 0; left--) {
    const atMs = WINDOW_FROM - 40 * 86_400_000 + random.below(260) * 86_400_000;
    const status = random.pick(['Success', 'Success', 'Success', ...ORDER_STATUSES]);
    rows.push({ user: userId, atMs, amount: 1 + Math.floor(rate * 200 * random.next()), status });
  }
}
await client.query(
  `insert into orders (order_id, cart_id, created_at, unit_price, total_amount, payment_method, status,
     product_id, category, user_id, user_name, user_region, user_gender, user_age_group)
   select id, id, created_at, amount, amount, 'Card', status, 'P', 'c', user_id, 'n', 'r', 'F', '20대'
   from unnest($1::uuid[], $2::timestamptz[], $3::bigint[], $4::text[], $5::text[])
     as row (id, created_at, amount, status, user_id)`,
  [
    rows.map((row, cart) => orderId({ timeMs: row.atMs, seed: 1, run: 1, cart, item: 0 })),
    rows.map((row) => new Date(row.atMs).toISOString()),
    rows.map((row) => row.amount),
    rows.map((row) => row.status),
    rows.map((row) => row.user),
  ],
);

const grades = async (): Promise<Map<string, Grade>> => {
  const stored = await client.query<{ user_id: string; grade: Grade }>(
    'select user_id, grade from users order by user_id',
  );
  return new Map(stored.rows.map((row) => [row.user_id, row.grade]));
};

/** By definition: each user's rows, added up one by one. */
function oracle(before: Map<string, Grade>, rules: GradeRules, demotion: 'step' | 'free') {
  const after = new Map(before);
  const changes: unknown[] = [];
  for (const [user, grade] of before) {
    const counted = rows.filter(
      (row) =>
        row.user === user &&
        row.status === 'Success' &&
        row.atMs >= WINDOW_FROM &&
        row.atMs < AS_OF,
    );
    const amount = counted.reduce((sum, row) => sum + row.amount, 0);
    const to = stepGrade(grade, determineGrade(amount, counted.length, rules), demotion);
    after.set(user, to);
    if (to === grade) continue;
    changes.push({ user_id: user, from_grade: grade, to_grade: to, amount, count: counted.length });
  }
  return { after, changes };
}

async function passAgainstOracle(options: GradeOptions): Promise<number> {
  const before = await grades();
  await client.query('truncate grade_changes');
  const { after, changes } = oracle(before, options.rules, options.demotion);
  const pass = await passGrades(client, options);
  expect(await grades()).toEqual(after);
  const recorded = await client.query(
    `select user_id, from_grade, to_grade, amount::int8::float8 as amount, order_count::int as count
     from grade_changes
     where changed_at = $1 and preset = $2 and run is null order by user_id`,
    [new Date(options.asOfMs), options.preset],
  );
  expect(recorded.rows).toEqual(changes);
  const steps = [...after].map(
    ([user, grade]) => GRADES.indexOf(grade) - GRADES.indexOf(before.get(user) ?? 'BRONZE'),
  );
  const promoted = steps.filter((step) => step > 0).length;
  const demoted = steps.filter((step) => step < 0).length;
  const count = (grade: Grade): number => [...after.values()].filter((one) => one === grade).length;
  expect(pass).toEqual({
    total: users.length,
    promoted,
    demoted,
    kept: users.length - promoted - demoted,
    distribution: {
      BRONZE: count('BRONZE'),
      SILVER: count('SILVER'),
      GOLD: count('GOLD'),
      VIP: count('VIP'),
    },
  });
  return changes.length;
}

for (const demotion of DEMOTIONS) {
  for (const preset of GRADE_PRESET_NAMES) {
    const options = {
      asOfMs: AS_OF,
      windowMonths: 6,
      preset,
      demotion,
      rules: GRADE_PRESETS[preset],
    };
    test(`a ${preset} pass (${demotion}) is the sum over each customer's rows, until nothing changes`, async () => {
      await client.query(
        `update users set grade = (array['BRONZE', 'SILVER', 'GOLD', 'VIP'])[1 + (hashtext(user_id) & 3)]`,
      );
      expect(await passAgainstOracle(options)).toBeGreaterThan(300);
      for (let pass = 2; pass <= 3; pass++) await passAgainstOracle(options);
      expect(await passAgainstOracle(options)).toBe(0); // three steps take anybody anywhere
    });
  }
}

test('a grade that a preset leaves out is never reached', async () => {
  await client.query("update users set grade = 'BRONZE'");
  const rules = GRADE_PRESETS.history.filter(({ grade }) => grade !== 'GOLD');
  await passAgainstOracle({
    asOfMs: AS_OF,
    windowMonths: 6,
    preset: 'guide',
    demotion: 'step',
    rules,
  });
});

test('a rule that asks for nothing holds for those who ordered nothing', async () => {
  const idle = users.filter(({ userId }) => !rows.some((row) => row.user === userId));
  expect(idle.length).toBeGreaterThan(200);
  for (const rules of [
    [{ grade: 'GOLD', amountMin: 0, ordersMin: 0 }],
    [
      { grade: 'VIP', amountMin: 0, ordersMin: 1 },
      { grade: 'SILVER', amountMin: 0, ordersMin: 0 },
    ],
    [{ grade: 'VIP', amountMin: 1, ordersMin: 0 }],
  ] as const) {
    await client.query(
      `update users set grade = (array['BRONZE', 'SILVER', 'GOLD', 'VIP'])[1 + (hashtext(user_id) & 3)]`,
    );
    const options = { asOfMs: AS_OF, windowMonths: 6, preset: 'guide' } as const;
    await passAgainstOracle({ ...options, demotion: 'step', rules });
  }
}, 30_000);

test('two passes at once change and record everybody once', async () => {
  await client.query("update users set grade = 'BRONZE'; truncate grade_changes");
  const other = await connect(database.url);
  const options = {
    asOfMs: AS_OF,
    windowMonths: 6,
    preset: 'live',
    demotion: 'step' as const,
    rules: GRADE_PRESETS.live,
  };
  const [one, two] = await Promise.all([passGrades(client, options), passGrades(other, options)]);
  await other.end();
  expect([one.promoted, two.promoted].toSorted((a, b) => a - b)[0]).toBe(0);
  const { rowCount } = await client.query('select from grade_changes');
  expect(rowCount).toBe(one.promoted + two.promoted);
});
