// A few strokes with names, drawn on a 24 by 24 grid.

const PATHS = {
  clock: 'M12 3.5a8.5 8.5 0 1 0 0 17 8.5 8.5 0 0 0 0-17zM12 7.5V12l3 2',
  bell: 'M6 16.5V11a6 6 0 0 1 12 0v5.5l1.5 1.5h-15zM10 20.5h4',
  tick: 'M5 12.5l4.5 4.5L19 7.5',
  cross: 'M6 6l12 12M18 6L6 18',
  unknown: 'M9 9.2a3 3 0 1 1 4.6 2.6c-1 .6-1.6 1.2-1.6 2.4M12 17.6v.2',
  gauge: 'M4 17.5a8.5 8.5 0 1 1 16 0M12 14l4-5',
  chart: 'M4 4v16h16M7.5 14.5l3.5-4 3 2.5 5-6',
  sliders: 'M4 8h9M17 8h3M4 16h3M11 16h9M15 5.5v5M9 13.5v5',
  note: 'M6 4h9l4 4v12H6zM9.5 11h6M9.5 15h6',
  folder: 'M3.5 6.5h6l2 2.5h9v10h-17z',
  list: 'M8 7h12M8 12h12M8 17h12M4 7h.5M4 12h.5M4 17h.5',
  more: 'M5 12h.5M12 12h.5M19 12h.5',
  group: 'M4 5h7v6H4zM13 5h7v6h-7zM4 13h7v6H4zM13 13h7v6h-7z',
  download: 'M12 4v11M7.5 11l4.5 4.5 4.5-4.5M5 20h14',
  image: 'M4 5h16v14H4zM4 15.5l4.5-4 3.5 3 3-2.5 5 4M9 9h.3',
  share: 'M9.5 14.5l5-5M8 11l-2.5 2.5a3.5 3.5 0 0 0 5 5L13 16M11 8l2.5-2.5a3.5 3.5 0 0 1 5 5L16 13',
  lock: 'M6.5 11h11v8.5h-11zM8.5 11V8.5a3.5 3.5 0 0 1 7 0V11',
  back: 'M20 12H5M11 5.5L4.5 12l6.5 6.5',
  erase: 'M9 6h11v12H9l-5.5-6zM12 9.5l5 5M17 9.5l-5 5',
  live: 'M5 6l8 6-8 6zM17.5 6v12',
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name, label }: { name: IconName; label?: string }) {
  return (
    <svg
      class={`icon icon-${name}`}
      viewBox="0 0 24 24"
      width="20"
      height="20"
      fill="none"
      stroke="currentColor"
      stroke-width="1.8"
      stroke-linecap="round"
      stroke-linejoin="round"
      {...(label ? { role: 'img', 'aria-label': label } : { 'aria-hidden': 'true' })}
    >
      <path d={PATHS[name]} />
    </svg>
  );
}
