'use strict';

/** @type {import('sequelize-cli').Migration} */
module.exports = {
  async up(queryInterface, Sequelize) {
    await queryInterface.sequelize.transaction(async (transaction) => {
      const points = { type: Sequelize.INTEGER, allowNull: false, defaultValue: 0 };
      await queryInterface.addColumn('customers', 'loyalty_points', points, { transaction });
      await queryInterface.createTable(
        'coupons',
        {
          code: { type: Sequelize.TEXT, primaryKey: true },
          percent: { type: Sequelize.INTEGER, allowNull: false },
          points: { type: Sequelize.INTEGER, allowNull: false },
        },
        { transaction },
      );
      const coupons = [
        { code: 'THANKS5', percent: 5, points: 100 },
        { code: 'FRIEND10', percent: 10, points: 250 },
        { code: 'JUBILEE20', percent: 20, points: 600 },
      ];
      await queryInterface.bulkInsert('coupons', coupons, { transaction });
      // A point for each full ten that a customer has spent so far.
      await queryInterface.sequelize.query(
        `UPDATE customers SET loyalty_points = spent.points
         FROM (SELECT customer_id, sum(total_cents / 1000) AS points FROM orders GROUP BY customer_id) AS spent
         WHERE spent.customer_id = customers.id`,
        { transaction },
      );
    });
  },

  async down(queryInterface) {
    await queryInterface.sequelize.transaction(async (transaction) => {
      await queryInterface.dropTable('coupons', { transaction });
      await queryInterface.removeColumn('customers', 'loyalty_points', { transaction });
    });
  },
};
