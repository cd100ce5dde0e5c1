'use strict';

const customers = require('./customers');
const health = require('./health');
const orders = require('./orders');
const reports = require('./reports');

module.exports = [
  { method: 'GET', pattern: /^\/health$/, run: health.check },
  { method: 'GET', pattern: /^\/version$/, run: health.version },
  { method: 'GET', pattern: /^\/customers\/(\d+)$/, run: customers.show },
  { method: 'GET', pattern: /^\/customers\/(\d+)\/coupons$/, run: customers.coupons },
  { method: 'GET', pattern: /^\/orders$/, run: orders.list },
  { method: 'POST', pattern: /^\/orders$/, guarded: true, run: orders.create },
  { method: 'DELETE', pattern: /^\/orders\/(\d+)$/, guarded: true, run: orders.remove },
  { method: 'GET', pattern: /^\/reports\/revenue$/, run: reports.revenue },
];
