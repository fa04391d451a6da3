import { expect, test } from 'bun:test';

import { assembleAssign } from './assign-code.ts';
import { assembleSearch } from './nearest-code.ts';
import { Assembly, get, i32, instantiate, set } from './wasm.ts';

test('a loop with blocks and jumps does what it says', () => {
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true });
  const code = new Assembly(['i32', 'i32']);
  const [from, to] = code.parameters;
  const sum = code.local('i32');
  // Adds up the numbers from the first to the second, but not the multiples of 3.
  const module = code.module([
    code.block((done) => [
      code.loop((next) => [
        code.jumpIf(done, i32.greaterSigned(get(from), get(to))),
        code.block((skip) => [
          code.when(
            i32.eq(
              i32.mul(
                i32.const(3),
                i32.shiftRight(i32.mul(get(from), i32.const(0x5556)), i32.const(16)),
              ),
              get(from),
            ),
            () => [code.jump(skip)],
          ),
          set(sum, i32.add(get(sum), get(from))),
        ]),
        set(from, i32.add(get(from), i32.const(1))),
        code.jump(next),
      ]),
    ]),
    i32.store(i32.const(8), get(sum)),
  ]);
  instantiate(new WebAssembly.Module(module), memory)(1, 100);
  expect(new Int32Array(memory.buffer)[2]).toBe(5_050 - 1_683);
});

test('constants of every length reach memory as they are', () => {
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true });
  const values = [0, 1, 63, 64, 127, 128, -1, -64, -65, 8_191, 8_192, 2 ** 31 - 1, -(2 ** 31)];
  const module = new Assembly([]).module(
    values.map((value, i) => i32.store(i32.const(i * 4), i32.const(value), 200)),
  );
  instantiate(new WebAssembly.Module(module), memory)();
  expect([...new Int32Array(memory.buffer, 200, values.length)]).toEqual(values);
});

test('every kernel is a valid module', () => {
  expect(WebAssembly.validate(assembleSearch())).toBe(true);
  for (let clusters = 1; clusters <= 32; clusters++)
    expect(WebAssembly.validate(assembleAssign(clusters))).toBe(true);
});
