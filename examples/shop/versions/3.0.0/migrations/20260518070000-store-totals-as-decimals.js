'use strict';

/** @type {import('sequelize-cli').Migration} */
module.exports = {
  async up(queryInterface, Sequelize) {
    const { sequelize } = queryInterface;
    await sequelize.transaction(async (transaction) => {
      await queryInterface.addColumn('orders', 'total', { type: Sequelize.DECIMAL(12, 2) }, { transaction });
      await sequelize.query('UPDATE orders SET total = total_cents / 100', { transaction });
      await sequelize.query('ALTER TABLE orders ALTER COLUMN total SET NOT NULL', { transaction });
      await queryInterface.removeColumn('orders', 'total_cents', { transaction });
    });
  },

  async down(queryInterface, Sequelize) {
    const { sequelize } = queryInterface;
    await sequelize.transaction(async (transaction) => {
      await queryInterface.addColumn('orders', 'total_cents', { type: Sequelize.INTEGER }, { transaction });
      await sequelize.query('UPDATE orders SET total_cents = total * 100', { transaction });
      await sequelize.query('ALTER TABLE orders ALTER COLUMN total_cents SET NOT NULL', { transaction });
      await queryInterface.removeColumn('orders', 'total', { transaction });
    });
  },
};
