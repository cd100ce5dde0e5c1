const path = require('node:path');

try {
  process.loadEnvFile(path.join(__dirname, '..', '.env')); // variables that are set already win
} catch {
  // no .env beside the code: the variables come from outside
}

const connection = { use_env_variable: 'DATABASE_URL', dialect: 'postgres' };
module.exports = { development: connection, test: connection, production: connection };
