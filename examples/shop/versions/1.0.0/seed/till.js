'use strict';

// What the old till exported: always the same people and the same orders.

const FIRST = [
  'Ann',
  'Björn',
  'Chloé',
  'Đorđe',
  'Eléna',
  'Fátima',
  'Gábor',
  'Håkon',
  'İpek',
  'José',
  'Kübra',
  'Łukasz',
];
const MORE = ['Mária', 'Nguyễn', 'Óscar', 'Petra', 'Ružena', 'Søren', 'Θάλεια', 'Ольга', '陽菜', '지우', 'ليلى', 'Zoë'];
const LAST = [
  'Ångström',
  "O'Brien",
  'Müller',
  'Nowak',
  'García',
  'Šimić',
  'Yılmaz',
  'Æbelø',
  'Дворжак',
  '佐藤',
  '김',
  'حداد',
];
const CITIES = ['Zürich', 'Kraków', 'São Paulo', 'Malmö', 'Αθήνα', '東京', 'Łódź', 'Tromsø', 'Москва', 'Lisbon'];
const ITEMS = [
  'teapot',
  'crème brûlée dish',
  'oak stool',
  'linen apron',
  'café press',
  'wool rug',
  'lamp "Nørd"',
  'jar',
];
const JANUARY = Date.UTC(2025, 0, 1);
const YEAR_MS = 365 * 24 * 3600 * 1000;

function customers() {
  const pick = generator(1);
  return Array.from({ length: 2000 }, (_, index) => ({
    name: `${of(pick, [...FIRST, ...MORE])} ${of(pick, LAST)}`,
    email: `customer${index + 1}@example.com`,
    city: of(pick, CITIES),
    created_at: time(pick),
  }));
}

function orders() {
  const pick = generator(2);
  return Array.from({ length: 5000 }, () => ({
    customer_id: 1 + Math.floor(pick() * 2000),
    item: of(pick, ITEMS),
    total_cents: 195 + Math.floor(pick() * 24_000),
    placed_at: time(pick),
  }));
}

const of = (pick, list) => list[Math.floor(pick() * list.length)];
const time = (pick) => new Date(JANUARY + Math.floor(pick() * YEAR_MS)).toISOString();

/** mulberry32: numbers from 0 to 1 that a seed repeats. */
function generator(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

module.exports = { customers, orders };
