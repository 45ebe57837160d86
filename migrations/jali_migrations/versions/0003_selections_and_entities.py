"""Releases say which rows they are about; populations hold the key that ranks an entity's rows.

Revision 0003, after 0002. Runs before a deploy.
"""

import secrets

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

ALL_ROWS = '{"where":null,"derived":[]}'
DIGEST_OF_ALL_ROWS = "74234e98afe7498fb5daf1f36ac2d78acc339464f950703b8c019892f982b90b"


def upgrade() -> None:
    with op.batch_alter_table("release", schema=None) as batch_op:
        batch_op.add_column(sa.Column("selection", sa.Text(), nullable=False, server_default=ALL_ROWS))
        batch_op.add_column(sa.Column("rows", sa.String(length=64), nullable=False, server_default=DIGEST_OF_ALL_ROWS))
        batch_op.add_column(sa.Column("noise", sa.Text(), nullable=False, server_default="{}"))
        batch_op.create_index(batch_op.f("ix_release_version_id_rows"), ["version_id", "rows"], unique=False)
    with op.batch_alter_table("release", schema=None) as batch_op:
        for name in ("selection", "rows", "noise"):
            batch_op.alter_column(name, server_default=None)
    with op.batch_alter_table("population", schema=None) as batch_op:
        batch_op.add_column(sa.Column("ranking_key", sa.String(length=64), nullable=False, server_default=""))
    population = sa.table("population", sa.column("id"), sa.column("ranking_key"))
    for (population_id,) in op.get_bind().execute(sa.select(population.c.id)):
        key = sa.update(population).where(population.c.id == population_id).values(ranking_key=secrets.token_hex(32))
        op.get_bind().execute(key)
    with op.batch_alter_table("population", schema=None) as batch_op:
        batch_op.alter_column("ranking_key", server_default=None)


def downgrade() -> None:
    raise NotImplementedError("a ledger is never taken back")
