// The package sqlite3 downloads its binary from GitHub or compiles it for minutes; this one asks for neither.
const { DatabaseSync } = require('@photostructure/sqlite');

/** What a finished statement is to Sequelize, which knows it by this name. */
class Statement {
  constructor({ lastInsertRowid, changes } = {}) {
    this.lastID = lastInsertRowid;
    this.changes = changes;
  }
}

/** Statements run at once, one after the other; what they gave is told afterwards, with the statement as `this`. */
class Database {
  constructor(filename, _mode, opened) {
    this.filename = filename;
    tell(opened, () => void (this.open = new DatabaseSync(filename)));
  }

  serialize(work) {
    work();
  }

  run(sql, ...rest) {
    const [parameters, done] = told(rest);
    tell(done, () => ({ statement: new Statement(this.open.prepare(sql).run(...parameters)) }));
  }

  all(sql, ...rest) {
    const [parameters, done] = told(rest);
    tell(done, () => ({ statement: new Statement(), rows: this.open.prepare(sql).all(...parameters) }));
  }

  close(done) {
    tell(done, () => void this.open.close());
  }
}

/** Both may be left out. */
function told(rest) {
  const done = rest.find((one) => typeof one === 'function');
  const given = rest.filter((one) => one !== done && one !== undefined);
  return [given.flat(), done];
}

function tell(done = rethrow, act) {
  let [error, result] = [null, undefined];
  try {
    result = act();
  } catch (thrown) {
    error = thrown;
  }
  setImmediate(() => done.call(result?.statement, error, result?.rows));
}

function rethrow(error) {
  if (error) throw error;
}

module.exports = { Database, Statement, OPEN_READONLY: 1, OPEN_READWRITE: 2, OPEN_CREATE: 4 };
