'use strict';

const { customers, orders } = require('../seed/till');

/** @type {import('sequelize-cli').Migration} */
module.exports = {
  async up(queryInterface) {
    const { sequelize } = queryInterface;
    await sequelize.transaction(async (transaction) => {
      const insert = (sql, rows) => sequelize.query(sql, { replacements: { rows: JSON.stringify(rows) }, transaction });
      await insert(
        `INSERT INTO customers (name, email, city, created_at)
         SELECT name, email, city, created_at
         FROM json_to_recordset(:rows) AS row (name text, email text, city text, created_at timestamptz)`,
        customers(),
      );
      await insert(
        `INSERT INTO orders (customer_id, item, total_cents, placed_at)
         SELECT customer_id, item, total_cents, placed_at
         FROM json_to_recordset(:rows) AS row (customer_id int, item text, total_cents int, placed_at timestamptz)`,
        orders(),
      );
      await sequelize.query(
        `INSERT INTO payments (order_id, amount_cents, paid_at)
         SELECT id, total_cents, placed_at + interval '5 minutes' FROM orders`,
        { transaction },
      );
    });
  },

  async down(queryInterface) {
    await queryInterface.sequelize.query('TRUNCATE customers, orders, payments RESTART IDENTITY');
  },
};
