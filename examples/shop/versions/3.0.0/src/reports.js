'use strict';

const { read } = require('./database');

/** What was ordered and what was paid; the accountants close the day only when both agree. */
async function revenue() {
  const [sums] = await read(
    `SELECT count(*)::int AS orders,
            (coalesce(sum(total), 0) * 100)::bigint::text AS revenue_cents,
            (SELECT coalesce(sum(amount_cents), 0) FROM payments)::bigint::text AS paid_cents
     FROM orders`,
  );
  const [revenueCents, paidCents] = [Number(sums.revenue_cents), Number(sums.paid_cents)];
  const consistent = revenueCents === paidCents;
  return [200, { orders: sums.orders, revenue_cents: revenueCents, paid_cents: paidCents, consistent }];
}

module.exports = { revenue };
