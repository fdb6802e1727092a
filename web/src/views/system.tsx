// What the pill knows: the link, the gateway's clock, devices that do not answer, versions. And "More": the other pages, the theme.

import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { formatAge, formatClock, formatNumber, formatTime } from '../format';
import { Icon } from '../parts/icon';
import { SheetFrame } from '../parts/sheet';
import { linkWords } from '../parts/pill';
import { iconOf } from '../parts/tabs';
import { goTo } from '../route';
import { entries, gatewayNow, gatewayTime, hello, link, page, plant, theme, tick, type Entry } from '../state';
import { chooseTheme, THEMES } from '../theme';
import { askPast, past, salvaged } from '../link/past';
import type { PageDef } from '../link/speak';

export function StatusSheet() {
  const h = hello.value;
  const p = plant.value;
  const live = link.value.is === 'live';
  const silent = p?.devices.filter((d) => d.state !== 'ok') ?? [];
  const away = Math.abs(gatewayNow() - tick.value);
  return (
    <SheetFrame title={h?.site ?? 'Forebay'} sub="Link, clock and devices" testid="status-sheet">
      <dl class="facts table">
        <div>
          <dt>Link</dt>
          <dd>{linkWords(link.value, tick.value)}</dd>
        </div>
        <div>
          <dt>Gateway clock</dt>
          <dd>
            {h ? `${live ? '' : 'about '}${formatTime(gatewayNow(), 'datetime')}` : 'not known yet'}
            {(h && h.clock !== 'set') || past.value?.clock_uncertain ? <b class="warn"> not known to be right</b> : null}
            {h && away > 5000 ? <small> {Math.round(away / 1000)} s off this phone</small> : null}
          </dd>
        </div>
        <div>
          <dt>Bus</dt>
          <dd>{p ? (live ? (p.bus ? 'connected' : <b class="warn">the gateway has lost its bus</b>) : 'not known: no connection') : 'not known yet'}</dd>
        </div>
        <div>
          <dt>Version</dt>
          <dd>{h?.version ?? '—'}</dd>
        </div>
      </dl>
      <PastFacts />
      <h3 class="h h3">Devices</h3>
      {!p || p.devices.length === 0 ? <p class="quiet">none are known</p> : null}
      <ul class="devices">
        {p?.devices.map((d) => (
          <li key={d.name} data-device={d.name} data-state={d.state}>
            <Icon name={d.state === 'ok' ? 'tick' : 'cross'} />
            <span>{d.name}</span>
            <span class="quiet">{d.state === 'ok' ? (live ? 'answers' : 'answered last') : `${d.why ?? d.state}${d.since ? `, ${formatAge(d.since, gatewayNow())}` : ''}`}</span>
          </li>
        ))}
      </ul>
      {silent.length > 0 ? <p class="quiet">Values of a silent device are held: the last number is shown with its age.</p> : null}
    </SheetFrame>
  );
}

/** A few slow tags would be kept for centuries; nobody can know that. */
const DAYS_MAX = 3650;
const keptWords = (days: number) => `you keep ${days > DAYS_MAX ? 'more than ' : ''}${formatNumber(Math.min(days, DAYS_MAX), 0)} days`;

/** While it is looked at it is asked for again: what is got back of a damaged history grows. */
const LOOK_MS = 5000;

/** How long the past is kept and at what price; what was lost of it. */
function PastFacts() {
  useEffect(() => {
    const ask = () => void askPast(true);
    ask();
    const timer = setInterval(ask, LOOK_MS);
    return () => clearInterval(timer);
  }, []);
  const p = past.value;
  if (!p) return null;
  const s = p.salvage;
  const facts: [string, string, boolean][] = [];
  const add = (name: string, words: string | null | false, warn = false) => words && facts.push([name, words, warn]);
  add('Recording', p.failing && `stopped: ${p.failing}`, true);
  // Judged by less than a day it would be a guess.
  add('Kept', p.days_kept !== null && (p.days ?? 0) >= 1 ? keptWords(p.days_kept) : 'for how long is known after a day');
  add('Flash', p.device_bytes_per_day !== null && `writes ${formatNumber(p.device_bytes_per_day / 1e6, 1)} MB a day`);
  for (const w of p.wear) {
    add(w.device, `${w.used_percent === null ? 'says nothing of its life' : `${w.used_percent} % of its life used`}${w.near_end ? ': replace it soon' : ''}`, w.near_end);
  }
  add('Damage', s && `found ${formatClock(s.at_ms, gatewayTime())}: set aside, a new one started, ${salvaged(s)}`, true);
  add('Damaged', p.damaged > 0 && `${p.damaged} pieces were met, each is a gap`, true);
  return (
    <>
      <h3 class="h h3">History</h3>
      <dl class="facts table" data-testid="past">
        {facts.map(([name, words, warn]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{warn ? <b class="warn">{words}</b> : words}</dd>
          </div>
        ))}
      </dl>
    </>
  );
}

export function ThemeChoice() {
  return (
    <div class="themes" role="group" aria-label="Theme">
      {THEMES.map((t) => (
        <button key={t.id} type="button" class="chip" data-theme-choice={t.id} aria-pressed={theme.value === t.id} onClick={() => chooseTheme(t.id)}>
          {t.name}
        </button>
      ))}
    </div>
  );
}

export function MoreSheet({ from }: { from: number }) {
  return (
    <SheetFrame title="More" testid="more-sheet">
      <nav class="stack">
        {entries.value.slice(from).map((e) => (
          <MoreEntry key={e.name} entry={e} />
        ))}
      </nav>
      <h3 class="h h3">Theme</h3>
      <ThemeChoice />
      <SignOut />
    </SheetFrame>
  );
}

function MoreEntry({ entry }: { entry: Entry }) {
  if (entry.is === 'page') return <PageButton p={entry.page} />;
  return (
    <>
      <h3 class="h h3">{entry.name}</h3>
      {entry.pages.map((p) => (
        <PageButton key={p.id} p={p} />
      ))}
    </>
  );
}

function PageButton({ p }: { p: PageDef }) {
  return (
    <button type="button" class="option" data-page={p.id} aria-current={page.value?.id === p.id ? 'page' : undefined} onClick={() => goTo(p.id)}>
      <Icon name={iconOf(p)} /> {p.name}
    </button>
  );
}

export function GroupSheet({ name }: { name: string }) {
  const group = entries.value.find((e) => e.is === 'group' && e.name === name);
  return (
    <SheetFrame title={name} testid="group-sheet">
      <nav class="stack">{group?.is === 'group' ? group.pages.map((p) => <PageButton key={p.id} p={p} />) : null}</nav>
    </SheetFrame>
  );
}

/** Ends this browser's session; a new one needs a new link. */
function SignOut() {
  const asked = useSignal(false);
  const words = useSignal<string | null>(null);
  const out = async () => {
    try {
      const r = await fetch('/api/logout', { method: 'POST', credentials: 'same-origin' });
      if (r.ok) location.assign('/');
      else words.value = `the gateway refused (${r.status})`;
    } catch {
      words.value = 'no connection: try again when the link is back';
    }
  };
  return (
    <div class="signout">
      {asked.value ? (
        <>
          <p class="quiet">This browser will need a new link to come back.</p>
          <button type="button" class="solid" onClick={() => void out()}>
            Sign out
          </button>
        </>
      ) : (
        <button type="button" class="ghost" onClick={() => (asked.value = true)}>
          Sign out…
        </button>
      )}
      {words.value ? <p role="alert">{words.value}</p> : null}
    </div>
  );
}
