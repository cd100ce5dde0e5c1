import sqlalchemy as sa
from alembic import op

revision = "0002_addresses"
down_revision = "0001_students"


def upgrade():
    op.add_column("students", sa.Column("email", sa.Text))


def downgrade():
    with op.batch_alter_table("students") as table:
        table.drop_column("email")
