// What one can take away from a trend: its numbers as a table or a file, a picture, a link.

import { useSignal, useSignalEffect } from '@preact/signals';
import { formatMoment, formatTime } from '../format';
import { Icon } from '../parts/icon';
import { gatewayTime, hello, say } from '../state';
import type { Plot } from '../trend/plot';
import type { Spec } from '../trend/spec';
import { penText } from './legend';

/** Rows of the table: enough to see a course in, few enough to be read out. */
const ROWS = 20;

/** `bare` leaves the table: what a sheet of one tag has room for. */
export function Actions({ spec, plot, bare }: { spec: Spec; plot: Plot | null; bare?: boolean | undefined }) {
  const link = useSignal<string | null>(null);
  const table = useSignal(false);
  const name = () => `${spec.title} ${new Date(plot?.window.from ?? 0).toISOString().slice(0, 16)}`.replace(/[^\w-]+/g, '-');
  useSignalEffect(() => {
    if (link.value) say('link ready');
  });
  const copy = async () => {
    if (!plot) return;
    const { from, to } = plot.window;
    const url = `${location.origin}${location.pathname}?from=${Math.round(from)}&to=${Math.round(to)}`;
    try {
      await navigator.clipboard.writeText(url);
      link.value = 'link copied';
    } catch {
      // Without TLS a page may not write to the clipboard: the person copies it.
      link.value = url;
    }
  };
  return (
    <>
      <div class="actions">
        <button type="button" class="ghost" data-testid="table" disabled={!plot} aria-expanded={table.value} onClick={() => (table.value = !table.value)}>
          <Icon name="list" /> Table
        </button>
        {bare ? null : (
          <>
        <button type="button" class="ghost" data-testid="csv" disabled={!plot} onClick={() => plot && save(new Blob([plot.csv()], { type: 'text/csv' }), `${name()}.csv`)}>
          <Icon name="download" /> CSV
        </button>
        <button type="button" class="ghost" data-testid="png" disabled={!plot} onClick={() => plot && void picture(plot, spec, `${name()}.png`)}>
          <Icon name="image" /> PNG
        </button>
        <button type="button" class="ghost" data-testid="share" disabled={!plot} onClick={() => void copy()}>
          <Icon name="share" /> Link
        </button>
          </>
        )}
        {link.value ? <output class="quiet">{link.value}</output> : null}
      </div>
      {table.value && plot ? <Table spec={spec} plot={plot} /> : null}
    </>
  );
}

function save(blob: Blob, name: string): void {
  const a = document.createElement('a');
  a.href = URL.createObjectURL(blob);
  a.download = name;
  a.click();
  setTimeout(() => URL.revokeObjectURL(a.href), 10_000);
}

/** The plot as it is, with its title, time range and legend. */
async function picture(plot: Plot, spec: Spec, name: string): Promise<void> {
  const from = plot.canvas();
  const k = devicePixelRatio;
  const css = getComputedStyle(document.documentElement);
  const c = document.createElement('canvas');
  const head = 54 * k;
  const row = 24 * k;
  c.width = from.width;
  c.height = from.height + head + row * spec.pens.length + 12 * k;
  const g = c.getContext('2d');
  if (!g) return;
  g.fillStyle = css.getPropertyValue('--surface');
  g.fillRect(0, 0, c.width, c.height);
  g.fillStyle = css.getPropertyValue('--ink');
  g.font = `600 ${16 * k}px system-ui, sans-serif`;
  g.fillText(`${hello.peek()?.site ?? ''} · ${spec.title}`, 12 * k, 22 * k);
  g.font = `${14 * k}px system-ui, sans-serif`;
  const { from: a, to: b } = plot.window;
  g.fillText(`${formatTime(a, 'datetime')} to ${formatTime(b, 'datetime')}`, 12 * k, 42 * k);
  g.drawImage(from, 0, head);
  spec.pens.forEach((p, i) => {
    const y = head + from.height + row * (i + 0.7);
    g.fillStyle = plot.colour(i);
    g.fillRect(12 * k, y - 6 * k, 22 * k, 3 * k);
    g.fillStyle = css.getPropertyValue('--ink');
    g.fillText(`${p.label}${p.units ? `, ${p.units}` : ''}`, 44 * k, y);
  });
  const blob = await new Promise<Blob | null>((done) => c.toBlob(done, 'image/png'));
  if (blob) save(blob, name);
}

/** The plot for those who do not see it, or want numbers. */
function Table({ spec, plot }: { spec: Spec; plot: Plot }) {
  return (
    <div class="table">
      <table data-testid="trend-table">
        <caption class="sr">{spec.title}</caption>
        <thead>
          <tr>
            <th scope="col">Time</th>
            {spec.pens.map((p, i) => (
              <th key={i} scope="col">
                {p.label}
                {p.units ? `, ${p.units}` : ''}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {plot.rows(ROWS).map(([t, values]) => (
            <tr key={t}>
              <th scope="row">{formatMoment(t, gatewayTime(), spec.timeRes)}</th>
              {spec.pens.map((p, i) => (
                <td key={i}>{penText(p, values[i] ?? NaN)}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
