import { html, raw } from 'hono/html';

import { count } from '../base/terminal.ts';

export { html, raw };
export type Html = ReturnType<typeof html>;

export const percent = (share: number, digits = 1): string => `${(share * 100).toFixed(digits)} %`;
export const decimal = (value: number, digits = 3): string =>
  value.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits });

/** `0.231 ± 0.004`: twice the standard error, where nineteen in twenty lie. */
export const within = (value: string, error: string): string => `${value} ± ${error}`;

export type Column = { name: string; number?: boolean };

/** A table; numbers on the right. */
export function table(
  caption: string,
  columns: readonly Column[],
  rows: readonly (readonly (string | number)[])[],
): Html {
  const cell = (value: string | number, i: number, tag: 'td' | 'th'): Html => {
    const shown = typeof value === 'number' ? count(value) : value;
    const kind = columns[i].number ? raw(' class="number"') : '';
    return tag === 'td'
      ? html`<td${kind}>${shown}</td>`
      : html`<th scope="col" ${kind}>${shown}</th>`;
  };
  return html`<div class="wide">
    <table>
      <caption>
        ${caption}
      </caption>
      <thead>
        <tr>
          ${columns.map(({ name }, i) => cell(name, i, 'th'))}
        </tr>
      </thead>
      <tbody>
        ${rows.map(
          (row) =>
            html`<tr>
              ${row.map((value, i) => cell(value, i, 'td'))}
            </tr> `,
        )}
      </tbody>
    </table>
  </div>`;
}

/** A picture with what it shows. */
export const figure = (svg: string, caption: string): Html =>
  html`<figure>
    ${raw(svg)}
    <figcaption>${caption}</figcaption>
  </figure>`;

export const folded = (summary: string, inside: Html): Html =>
  html`<details>
    <summary>${summary}</summary>
    ${inside}
  </details>`;
