/** The page's dress, light and dark; pictures use its colours. */
export const STYLE = `
:root {
  color-scheme: light dark;
  --ground: #ffffff; --card: #f6f7f9; --ink: #1c2430; --muted: #5a6675; --rule: #d5dae1;
  --first: #2f6fb5; --second: #d9731a; --third: #3f8f5f; --fourth: #8a5fb0; --fifth: #98a2ae;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #14181e; --card: #1d232b; --ink: #e6eaf0; --muted: #a3aebb; --rule: #39424e;
    --first: #6aa9ee; --second: #f0a055; --third: #6fc492; --fourth: #b794dd; --fifth: #717d8b;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0 auto; padding: 1.5rem; max-width: 76rem; background: var(--ground); color: var(--ink);
  font: 15px/1.5 system-ui, 'Noto Sans KR', 'Noto Sans CJK KR', 'Apple SD Gothic Neo', 'Malgun Gothic', sans-serif;
}
h1 { font-size: 1.7rem; margin: 0 0 .5rem; }
h2 { font-size: 1.25rem; margin: 2.5rem 0 .5rem; padding-top: .75rem; border-top: 1px solid var(--rule); }
p { max-width: 52rem; margin: .5rem 0; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .15rem 1rem; margin: 1rem 0; }
dt { color: var(--muted); }
dd { margin: 0; overflow-wrap: anywhere; }
ul { max-width: 52rem; padding-left: 1.2rem; }
code { font-family: ui-monospace, 'DejaVu Sans Mono', monospace; font-size: .92em; }
.beside { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 30rem), 1fr)); gap: 1rem; align-items: start; }
.beside > * { min-width: 0; }
figure { margin: .5rem 0; padding: .75rem; background: var(--card); border-radius: .5rem; }
figure svg { display: block; width: 100%; height: auto; }
figcaption, caption { color: var(--muted); font-size: .9rem; text-align: left; }
figcaption { margin-top: .35rem; }
caption { padding: .35rem 0; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: .92rem; min-width: min(100%, 22rem); }
td { word-break: keep-all; }
td:not(.number) { min-width: 7rem; }
th, td { padding: .22rem .65rem; border-bottom: 1px solid var(--rule); text-align: left; vertical-align: top; }
th { color: var(--muted); font-weight: 600; }
thead th { vertical-align: bottom; }
.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.matrix td { background: color-mix(in srgb, var(--first) calc(var(--share, 0) * 55%), transparent); }
summary { cursor: pointer; margin: .5rem 0; }
footer { margin-top: 2.5rem; padding-top: .75rem; border-top: 1px solid var(--rule); color: var(--muted); }
@media print { body { max-width: none; } figure, table { break-inside: avoid; } }
`;
