import sqlalchemy as sa
from alembic import op

revision = "0001_students"
down_revision = None


def upgrade():
    op.create_table(
        "students",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
    )
    op.create_table(
        "grades",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("student_id", sa.Integer, sa.ForeignKey("students.id"), nullable=False),
        sa.Column("grade", sa.Text, nullable=False),
    )
    op.execute("INSERT INTO students (name) VALUES ('Ada'), ('Emmy'), ('Grace')")
    op.execute("INSERT INTO grades (student_id, grade) VALUES (1, '1.0'), (2, '1.3'), (3, '1.7')")


def downgrade():
    op.drop_table("grades")
    op.drop_table("students")
