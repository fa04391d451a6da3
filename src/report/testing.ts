import type { QualityReport } from '../recommend/quality-report.ts';

const score = (precision: number): { precision: number; hitRate: number } => ({
  precision,
  hitRate: precision * 2,
});

const coverage = (names: readonly string[]): QualityReport['products'] => ({
  customersByCount: [1, 2, 3, 1_234_561],
  itemsKnown: names.length,
  itemsRecommended: 1,
  gini: 0.4321,
  items: names.map((name, i) => ({ name, holders: 1_000 * (i + 1), recommended: i ? 0 : 777_777 })),
});

/** A report with names that must not become markup. */
export function qualityReport(changes: Partial<QualityReport> = {}): QualityReport {
  return {
    month: '2025-12',
    generatedAt: '2026-01-01 02:00:00 Asia/Seoul',
    command: 'millrace recommend report --month 2025-12',
    model: '0123456789abcdef',
    codeVersion: '0.1.0',
    modelSeed: 42,
    seed: 7,
    includeOwned: false,
    customers: 1_234_567,
    sampled: 100_321,
    segments: [0, 1].map((cluster) => ({
      cluster,
      customers: cluster === 0 ? 1_000_000 : 234_567,
      sampled: 1_000,
      silhouette: 0.31 - cluster,
      silhouetteError: 0.01,
      contracts: 2.345,
      purchases: 1.5,
      topContracts: ['해충방제'],
      topPurchases: ['<script>alert(1)</script>'],
      topBusinessTypes: ['음식점업', '도매 및 소매업'],
    })),
    silhouette: { silhouette: 0.123, error: 0.002, sampled: 2_000 },
    elbow: {
      rows: 20_000,
      chosen: 3,
      modelInertia: 61_234,
      byK: [2, 3, 4].map((clusters) => ({ clusters, inertia: 90_000 / clusters, silhouette: 0.2 })),
    },
    contracts: coverage(['해충방제', '쥐방제']),
    products: coverage(['"위생" & <b>장갑</b> 500매', "포충등 '끈끈이' 시트"]),
    holdOut: {
      firstDay: '2025-12-01',
      customers: 100_321,
      evaluated: 20_123,
      itemsKnown: 44,
      undated: 265,
      variants: [false, true].map((owned) => ({
        owned,
        segment: score(0.0815),
        trade: score(0.1275),
        popularity: score(0.0561),
        chance: score(0.026),
        best: score(0.3647),
        difference: { mean: 0.0254, error: 0.001 },
      })),
    },
    earlier: {
      month: '2025-11',
      model: 'fedcba9876543210',
      customers: 1_200_000,
      both: 1_111_111,
      changed: 55_555,
      joined: 123_456,
      left: 88_889,
      matrix: [
        [900_001, 55_555],
        [0, 155_555],
      ],
      sampled: { before: 100_001, now: 100_321 },
      features: [{ name: '위도', psi: 0.25, bins: 10 }],
      segments: { name: 'segment', psi: 0.15, bins: 2 },
      centres: { distances: [0.011, 1.287], inertiaRatio: 1.00012 },
    },
    secondsByPhase: { counts: 1.5 },
    seconds: 2.5,
    memoryMiB: 512,
    ...changes,
  };
}
