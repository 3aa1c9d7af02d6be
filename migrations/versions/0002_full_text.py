"""full-text tables: one per kind and tier, so that hidden text never moves a word's rarity."""

from alembic import op

revision = '0002'
down_revision = '0001'
branch_labels = None
depends_on = None

TABLES = [f"words_{kind}_{tier}" for kind in ("need", "capability") for tier in ("public", "members")]


def upgrade() -> None:
    """Apply."""
    for table in TABLES:
        op.execute(f"CREATE VIRTUAL TABLE {table} USING fts5(title, problem, target, pairs, "
                   "tokenize = \"ascii tokenchars '-/.+&^%_'\")")
        op.execute(f"CREATE VIRTUAL TABLE {table}_counts USING fts5vocab({table}, 'row')")
    op.execute("INSERT INTO index_change (id, number) VALUES (1, 0)")


def downgrade() -> None:
    """Take back."""
    op.execute("DELETE FROM index_change")
    for table in TABLES:
        op.execute(f"DROP TABLE {table}_counts")
        op.execute(f"DROP TABLE {table}")
