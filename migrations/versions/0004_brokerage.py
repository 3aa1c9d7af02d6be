"""brokerage: stored lists, pins, vetoes, notes, parts of needs, saved searches, diagnoses, quality runs."""

import sqlalchemy as sa
from alembic import op

revision = '0004'
down_revision = '0003'
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table('match_list',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('kind', sa.String(), nullable=False),
    sa.Column('record_id', sa.Integer(), nullable=False),
    sa.Column('tier', sa.String(), nullable=False),
    sa.Column('text_hash', sa.String(), nullable=False),
    sa.Column('encoder', sa.String(), nullable=False),
    sa.Column('generation', sa.Integer(), nullable=False),
    sa.Column('change', sa.Integer(), nullable=False),
    sa.Column('weights', sa.JSON(), nullable=False),
    sa.Column('filters', sa.JSON(), nullable=False),
    sa.Column('is_current', sa.Boolean(), nullable=False),
    sa.Column('made_at', sa.DateTime(), nullable=False),
    sa.CheckConstraint("kind IN ('need', 'capability')", name=op.f('ck_match_list_kind')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_match_list'))
    )
    with op.batch_alter_table('match_list', schema=None) as batch_op:
        batch_op.create_index('ix_match_list_record', ['kind', 'record_id', 'made_at'], unique=False)
        batch_op.create_index('uq_match_list_current', ['kind', 'record_id'], unique=True, sqlite_where=sa.text('is_current'), postgresql_where=sa.text('is_current'))

    op.create_table('quality_run',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('name', sa.String(), nullable=False),
    sa.Column('encoder', sa.String(), nullable=False),
    sa.Column('weights', sa.JSON(), nullable=False),
    sa.Column('figures', sa.JSON(), nullable=False),
    sa.Column('made_at', sa.DateTime(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_quality_run'))
    )
    op.create_table('match_entry',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('list_id', sa.Integer(), nullable=False),
    sa.Column('rank', sa.Integer(), nullable=False),
    sa.Column('record_id', sa.Integer(), nullable=False),
    sa.Column('text_hash', sa.String(), nullable=False),
    sa.Column('score', sa.Double(), nullable=False),
    sa.Column('band', sa.String(), nullable=False),
    sa.Column('parts', sa.JSON(), nullable=False),
    sa.Column('evidence', sa.JSON(), nullable=False),
    sa.Column('failed', sa.JSON(), nullable=False),
    sa.Column('holds_slot', sa.Boolean(), nullable=True),
    sa.Column('is_newcomer', sa.Boolean(), nullable=False),
    sa.CheckConstraint('rank >= 1', name=op.f('ck_match_entry_rank')),
    sa.ForeignKeyConstraint(['list_id'], ['match_list.id'], name=op.f('fk_match_entry_list_id_match_list')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_match_entry')),
    sa.UniqueConstraint('list_id', 'rank', name='uq_match_entry_rank'),
    sa.UniqueConstraint('list_id', 'record_id', name='uq_match_entry_record')
    )
    with op.batch_alter_table('match_entry', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_match_entry_list_id'), ['list_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_match_entry_record_id'), ['record_id'], unique=False)

    op.create_table('match_note',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('need_id', sa.Integer(), nullable=False),
    sa.Column('capability_id', sa.Integer(), nullable=False),
    sa.Column('organisation_id', sa.Integer(), nullable=False),
    sa.Column('user_id', sa.Integer(), nullable=True),
    sa.Column('sentence', sa.String(), nullable=False),
    sa.Column('at', sa.DateTime(), nullable=False),
    sa.CheckConstraint("sentence != ''", name=op.f('ck_match_note_says_something')),
    sa.ForeignKeyConstraint(['capability_id'], ['capability.id'], name=op.f('fk_match_note_capability_id_capability')),
    sa.ForeignKeyConstraint(['need_id'], ['need.id'], name=op.f('fk_match_note_need_id_need')),
    sa.ForeignKeyConstraint(['organisation_id'], ['organisation.id'], name=op.f('fk_match_note_organisation_id_organisation')),
    sa.ForeignKeyConstraint(['user_id'], ['user.id'], name=op.f('fk_match_note_user_id_user')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_match_note')),
    sa.UniqueConstraint('need_id', 'capability_id', 'organisation_id', name='uq_match_note_pair')
    )
    with op.batch_alter_table('match_note', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_match_note_capability_id'), ['capability_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_match_note_organisation_id'), ['organisation_id'], unique=False)

    op.create_table('match_pin',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('need_id', sa.Integer(), nullable=False),
    sa.Column('capability_id', sa.Integer(), nullable=False),
    sa.Column('organisation_id', sa.Integer(), nullable=False),
    sa.Column('user_id', sa.Integer(), nullable=True),
    sa.Column('reason', sa.String(), nullable=False),
    sa.Column('at', sa.DateTime(), nullable=False),
    sa.CheckConstraint("reason != ''", name=op.f('ck_match_pin_pinned_with_reason')),
    sa.ForeignKeyConstraint(['capability_id'], ['capability.id'], name=op.f('fk_match_pin_capability_id_capability')),
    sa.ForeignKeyConstraint(['need_id'], ['need.id'], name=op.f('fk_match_pin_need_id_need')),
    sa.ForeignKeyConstraint(['organisation_id'], ['organisation.id'], name=op.f('fk_match_pin_organisation_id_organisation')),
    sa.ForeignKeyConstraint(['user_id'], ['user.id'], name=op.f('fk_match_pin_user_id_user')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_match_pin')),
    sa.UniqueConstraint('need_id', 'capability_id', 'organisation_id', name='uq_match_pin_pair')
    )
    with op.batch_alter_table('match_pin', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_match_pin_capability_id'), ['capability_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_match_pin_organisation_id'), ['organisation_id'], unique=False)

    op.create_table('match_veto',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('need_id', sa.Integer(), nullable=False),
    sa.Column('capability_id', sa.Integer(), nullable=False),
    sa.Column('organisation_id', sa.Integer(), nullable=False),
    sa.Column('user_id', sa.Integer(), nullable=True),
    sa.Column('reason', sa.String(), nullable=False),
    sa.Column('at', sa.DateTime(), nullable=False),
    sa.ForeignKeyConstraint(['capability_id'], ['capability.id'], name=op.f('fk_match_veto_capability_id_capability')),
    sa.ForeignKeyConstraint(['need_id'], ['need.id'], name=op.f('fk_match_veto_need_id_need')),
    sa.ForeignKeyConstraint(['organisation_id'], ['organisation.id'], name=op.f('fk_match_veto_organisation_id_organisation')),
    sa.ForeignKeyConstraint(['user_id'], ['user.id'], name=op.f('fk_match_veto_user_id_user')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_match_veto')),
    sa.UniqueConstraint('need_id', 'capability_id', 'organisation_id', name='uq_match_veto_pair')
    )
    with op.batch_alter_table('match_veto', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_match_veto_capability_id'), ['capability_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_match_veto_organisation_id'), ['organisation_id'], unique=False)

    op.create_table('need_diagnosis',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('need_id', sa.Integer(), nullable=False),
    sa.Column('cause', sa.String(), nullable=False),
    sa.Column('figures', sa.JSON(), nullable=False),
    sa.Column('field', sa.String(), nullable=False),
    sa.Column('suggestion', sa.String(), nullable=False),
    sa.Column('at', sa.DateTime(), nullable=False),
    sa.ForeignKeyConstraint(['need_id'], ['need.id'], name=op.f('fk_need_diagnosis_need_id_need')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_need_diagnosis'))
    )
    with op.batch_alter_table('need_diagnosis', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_need_diagnosis_need_id'), ['need_id'], unique=False)

    op.create_table('need_part',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('need_id', sa.Integer(), nullable=False),
    sa.Column('position', sa.Integer(), nullable=False),
    sa.Column('sentence', sa.String(), nullable=False),
    sa.CheckConstraint("sentence != ''", name=op.f('ck_need_part_says_something')),
    sa.ForeignKeyConstraint(['need_id'], ['need.id'], name=op.f('fk_need_part_need_id_need')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_need_part')),
    sa.UniqueConstraint('need_id', 'position', name='uq_need_part_position')
    )
    with op.batch_alter_table('need_part', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_need_part_need_id'), ['need_id'], unique=False)

    op.create_table('saved_search',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('key', sa.String(), nullable=False),
    sa.Column('organisation_id', sa.Integer(), nullable=False),
    sa.Column('user_id', sa.Integer(), nullable=True),
    sa.Column('need_id', sa.Integer(), nullable=True),
    sa.Column('kind', sa.String(), nullable=False),
    sa.Column('words', sa.String(), nullable=False),
    sa.Column('facets', sa.JSON(), nullable=False),
    sa.Column('is_on', sa.Boolean(), nullable=False),
    sa.Column('created_at', sa.DateTime(), nullable=False),
    sa.CheckConstraint("kind IN ('need', 'capability')", name=op.f('ck_saved_search_kind')),
    sa.CheckConstraint("words != '' OR need_id IS NOT NULL", name=op.f('ck_saved_search_looks_for_something')),
    sa.ForeignKeyConstraint(['need_id'], ['need.id'], name=op.f('fk_saved_search_need_id_need')),
    sa.ForeignKeyConstraint(['organisation_id'], ['organisation.id'], name=op.f('fk_saved_search_organisation_id_organisation')),
    sa.ForeignKeyConstraint(['user_id'], ['user.id'], name=op.f('fk_saved_search_user_id_user')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_saved_search')),
    sa.UniqueConstraint('key', name=op.f('uq_saved_search_key'))
    )
    with op.batch_alter_table('saved_search', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_saved_search_need_id'), ['need_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_saved_search_organisation_id'), ['organisation_id'], unique=False)

    op.create_table('search_alert',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('search_id', sa.Integer(), nullable=False),
    sa.Column('kind', sa.String(), nullable=False),
    sa.Column('record_id', sa.Integer(), nullable=False),
    sa.Column('field', sa.String(), nullable=False),
    sa.Column('line', sa.String(), nullable=False),
    sa.Column('at', sa.DateTime(), nullable=False),
    sa.Column('seen_at', sa.DateTime(), nullable=True),
    sa.ForeignKeyConstraint(['search_id'], ['saved_search.id'], name=op.f('fk_search_alert_search_id_saved_search')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_search_alert')),
    sa.UniqueConstraint('search_id', 'kind', 'record_id', name='uq_search_alert_record')
    )
    with op.batch_alter_table('search_alert', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_search_alert_search_id'), ['search_id'], unique=False)



def downgrade() -> None:
    """Take back."""
    with op.batch_alter_table('search_alert', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_search_alert_search_id'))

    op.drop_table('search_alert')
    with op.batch_alter_table('saved_search', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_saved_search_organisation_id'))
        batch_op.drop_index(batch_op.f('ix_saved_search_need_id'))

    op.drop_table('saved_search')
    with op.batch_alter_table('need_part', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_need_part_need_id'))

    op.drop_table('need_part')
    with op.batch_alter_table('need_diagnosis', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_need_diagnosis_need_id'))

    op.drop_table('need_diagnosis')
    with op.batch_alter_table('match_veto', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_match_veto_organisation_id'))
        batch_op.drop_index(batch_op.f('ix_match_veto_capability_id'))

    op.drop_table('match_veto')
    with op.batch_alter_table('match_pin', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_match_pin_organisation_id'))
        batch_op.drop_index(batch_op.f('ix_match_pin_capability_id'))

    op.drop_table('match_pin')
    with op.batch_alter_table('match_note', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_match_note_organisation_id'))
        batch_op.drop_index(batch_op.f('ix_match_note_capability_id'))

    op.drop_table('match_note')
    with op.batch_alter_table('match_entry', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_match_entry_record_id'))
        batch_op.drop_index(batch_op.f('ix_match_entry_list_id'))

    op.drop_table('match_entry')
    op.drop_table('quality_run')
    with op.batch_alter_table('match_list', schema=None) as batch_op:
        batch_op.drop_index('uq_match_list_current', sqlite_where=sa.text('is_current'), postgresql_where=sa.text('is_current'))
        batch_op.drop_index('ix_match_list_record')

    op.drop_table('match_list')
