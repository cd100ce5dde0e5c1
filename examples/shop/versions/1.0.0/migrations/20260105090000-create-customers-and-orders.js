'use strict';

/** @type {import('sequelize-cli').Migration} */
module.exports = {
  async up(queryInterface, Sequelize) {
    await queryInterface.sequelize.transaction(async (transaction) => {
      const id = { type: Sequelize.INTEGER, primaryKey: true, autoIncrement: true };
      const text = { type: Sequelize.TEXT, allowNull: false };
      const integer = { type: Sequelize.INTEGER, allowNull: false };
      const at = { type: Sequelize.DATE, allowNull: false, defaultValue: Sequelize.literal('now()') };

      await queryInterface.createTable(
        'customers',
        { id, name: text, email: { ...text, unique: true }, city: text, created_at: at },
        { transaction },
      );
      await queryInterface.createTable(
        'orders',
        {
          id,
          customer_id: { ...integer, references: { model: 'customers', key: 'id' } },
          item: text,
          total_cents: integer,
          placed_at: at,
        },
        { transaction },
      );
      await queryInterface.createTable(
        'payments',
        {
          id,
          order_id: { ...integer, unique: true, references: { model: 'orders', key: 'id' }, onDelete: 'CASCADE' },
          amount_cents: integer,
          paid_at: at,
        },
        { transaction },
      );
      await queryInterface.addIndex('orders', ['customer_id'], { transaction });
    });
  },

  async down(queryInterface) {
    for (const table of ['payments', 'orders', 'customers']) await queryInterface.dropTable(table);
  },
};
