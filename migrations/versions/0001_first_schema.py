"""first schema."""

import sqlalchemy as sa
from alembic import op

revision = '0001'
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table('index_build',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('generation', sa.Integer(), nullable=False),
    sa.Column('encoder', sa.String(), nullable=False),
    sa.Column('change', sa.Integer(), nullable=False),
    sa.Column('counts', sa.JSON(), nullable=False),
    sa.Column('reason', sa.String(), nullable=False),
    sa.Column('seconds', sa.Double(), nullable=False),
    sa.Column('built_at', sa.DateTime(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_index_build')),
    sa.UniqueConstraint('generation', name=op.f('uq_index_build_generation'))
    )
    op.create_table('index_change',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('number', sa.Integer(), nullable=False),
    sa.CheckConstraint('id = 1', name=op.f('ck_index_change_one_row')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_index_change'))
    )
    op.create_table('job',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('task', sa.String(), nullable=False),
    sa.Column('key', sa.String(), nullable=True),
    sa.Column('args', sa.JSON(), nullable=False),
    sa.Column('status', sa.Enum('waiting', 'running', 'done', 'parked', name='jobstatus', native_enum=False, create_constraint=True, length=32), nullable=False),
    sa.Column('rank', sa.Integer(), nullable=False),
    sa.Column('run_at', sa.DateTime(), nullable=False),
    sa.Column('attempts', sa.Integer(), nullable=False),
    sa.Column('lease_until', sa.DateTime(), nullable=True),
    sa.Column('error', sa.String(), nullable=False),
    sa.Column('created_at', sa.DateTime(), nullable=False),
    sa.Column('done_at', sa.DateTime(), nullable=True),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_job'))
    )
    with op.batch_alter_table('job', schema=None) as batch_op:
        batch_op.create_index('ix_job_status_rank_run_at', ['status', 'rank', 'run_at'], unique=False)
        batch_op.create_index('uq_job_waiting_key', ['key'], unique=True, sqlite_where=sa.text("status = 'waiting' AND key IS NOT NULL"), postgresql_where=sa.text("status = 'waiting' AND key IS NOT NULL"))

    op.create_table('organisation',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('key', sa.String(), nullable=False),
    sa.Column('kind', sa.Enum('district', 'park', 'enterprise', 'society', 'service_team', 'review_body', 'office', name='organisationkind', native_enum=False, create_constraint=True, length=32), nullable=False),
    sa.Column('level', sa.String(), nullable=False),
    sa.Column('full_name', sa.String(), nullable=False),
    sa.Column('short_name', sa.String(), nullable=False),
    sa.Column('credit_code', sa.String(), nullable=True),
    sa.Column('district_code', sa.String(), nullable=False),
    sa.Column('parent_id', sa.Integer(), nullable=True),
    sa.Column('intro', sa.String(), nullable=False),
    sa.Column('state', sa.Enum('unverified', 'verified', 'suspended', 'closed', name='organisationstate', native_enum=False, create_constraint=True, length=32), nullable=False),
    sa.Column('state_since', sa.DateTime(), nullable=False),
    sa.Column('is_demo', sa.Boolean(), nullable=False),
    sa.Column('created_at', sa.DateTime(), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.CheckConstraint("kind != 'enterprise' OR parent_id IS NOT NULL", name=op.f('ck_organisation_enterprise_has_parent')),
    sa.CheckConstraint("kind != 'service_team' OR parent_id IS NOT NULL", name=op.f('ck_organisation_team_has_lead_society')),
    sa.ForeignKeyConstraint(['parent_id'], ['organisation.id'], name=op.f('fk_organisation_parent_id_organisation')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_organisation')),
    sa.UniqueConstraint('credit_code', name=op.f('uq_organisation_credit_code')),
    sa.UniqueConstraint('full_name', name=op.f('uq_organisation_full_name')),
    sa.UniqueConstraint('key', name=op.f('uq_organisation_key'))
    )
    with op.batch_alter_table('organisation', schema=None) as batch_op:
        batch_op.create_index('uq_organisation_district_kind', ['district_code'], unique=True, sqlite_where=sa.text("kind = 'district'"), postgresql_where=sa.text("kind = 'district'"))

    op.create_table('shared_need',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('key', sa.String(), nullable=False),
    sa.Column('title', sa.String(), nullable=False),
    sa.Column('created_at', sa.DateTime(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_shared_need')),
    sa.UniqueConstraint('key', name=op.f('uq_shared_need_key'))
    )
    op.create_table('sign_in_try',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('account', sa.String(), nullable=False),
    sa.Column('address', sa.String(), nullable=False),
    sa.Column('at', sa.DateTime(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_sign_in_try'))
    )
    with op.batch_alter_table('sign_in_try', schema=None) as batch_op:
        batch_op.create_index('ix_sign_in_try_account_address_at', ['account', 'address', 'at'], unique=False)

    op.create_table('user',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('key', sa.String(), nullable=False),
    sa.Column('email', sa.String(), nullable=False),
    sa.Column('name', sa.String(), nullable=False),
    sa.Column('phone', sa.String(), nullable=False),
    sa.Column('post', sa.String(), nullable=False),
    sa.Column('password_hash', sa.String(), nullable=False),
    sa.Column('is_disabled', sa.Boolean(), nullable=False),
    sa.Column('created_at', sa.DateTime(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_user')),
    sa.UniqueConstraint('email', name=op.f('uq_user_email')),
    sa.UniqueConstraint('key', name=op.f('uq_user_key'))
    )
    op.create_table('vector',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('kind', sa.String(), nullable=False),
    sa.Column('record_id', sa.Integer(), nullable=False),
    sa.Column('encoder', sa.String(), nullable=False),
    sa.Column('tier', sa.String(), nullable=False),
    sa.Column('role', sa.String(), nullable=False),
    sa.Column('field', sa.String(), nullable=False),
    sa.Column('part', sa.Integer(), nullable=False),
    sa.Column('text_hash', sa.String(), nullable=False),
    sa.Column('data', sa.LargeBinary(), nullable=False),
    sa.Column('is_live', sa.Boolean(), nullable=False),
    sa.Column('change', sa.Integer(), nullable=False),
    sa.CheckConstraint("kind IN ('need', 'capability')", name=op.f('ck_vector_kind')),
    sa.CheckConstraint("role IN ('query', 'passage', 'query_tokens', 'passage_tokens')", name=op.f('ck_vector_role')),
    sa.CheckConstraint("tier != 'own' OR role IN ('query', 'query_tokens')", name=op.f('ck_vector_own_text_only_asks')),
    sa.CheckConstraint("tier IN ('public', 'members', 'own')", name=op.f('ck_vector_tier')),
    sa.CheckConstraint('part >= 0', name=op.f('ck_vector_part')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_vector')),
    sa.UniqueConstraint('kind', 'record_id', 'encoder', 'tier', 'role', 'field', 'part', name='uq_vector_place')
    )
    with op.batch_alter_table('vector', schema=None) as batch_op:
        batch_op.create_index('ix_vector_searched', ['encoder', 'kind', 'tier', 'change'], unique=False, sqlite_where=sa.text("role = 'passage' AND field = 'whole' AND part = 0"), postgresql_where=sa.text("role = 'passage' AND field = 'whole' AND part = 0"))
        batch_op.create_index('ix_vector_text', ['text_hash', 'encoder', 'role'], unique=False)

    op.create_table('audit',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('at', sa.DateTime(), nullable=False),
    sa.Column('user_id', sa.Integer(), nullable=True),
    sa.Column('user_name', sa.String(), nullable=False),
    sa.Column('organisation_id', sa.Integer(), nullable=True),
    sa.Column('organisation_name', sa.String(), nullable=False),
    sa.Column('action', sa.String(), nullable=False),
    sa.Column('subject_kind', sa.String(), nullable=False),
    sa.Column('subject_id', sa.Integer(), nullable=False),
    sa.Column('data', sa.JSON(), nullable=False),
    sa.Column('previous_hash', sa.String(), nullable=False),
    sa.Column('hash', sa.String(), nullable=False),
    sa.ForeignKeyConstraint(['organisation_id'], ['organisation.id'], name=op.f('fk_audit_organisation_id_organisation')),
    sa.ForeignKeyConstraint(['user_id'], ['user.id'], name=op.f('fk_audit_user_id_user')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_audit')),
    sa.UniqueConstraint('hash', name=op.f('uq_audit_hash'))
    )
    with op.batch_alter_table('audit', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_audit_action'), ['action'], unique=False)

    op.create_table('capability',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('key', sa.String(), nullable=False),
    sa.Column('code', sa.String(), nullable=True),
    sa.Column('organisation_id', sa.Integer(), nullable=False),
    sa.Column('approver_id', sa.Integer(), nullable=False),
    sa.Column('created_by', sa.Integer(), nullable=True),
    sa.Column('state', sa.Enum('draft', 'submitted', 'returned', 'published', 'stale', 'unlisted', 'withdrawn', name='capabilitystate', native_enum=False, create_constraint=True, length=32), nullable=False),
    sa.Column('state_since', sa.DateTime(), nullable=False),
    sa.Column('tiers', sa.JSON(), nullable=False),
    sa.Column('details', sa.JSON(), nullable=False),
    sa.Column('created_at', sa.DateTime(), nullable=False),
    sa.Column('saved_at', sa.DateTime(), nullable=False),
    sa.Column('published_at', sa.DateTime(), nullable=True),
    sa.Column('confirmed_at', sa.DateTime(), nullable=True),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('title', sa.String(), nullable=False),
    sa.Column('type', sa.String(), nullable=False),
    sa.Column('industries', sa.JSON(), nullable=False),
    sa.Column('keywords', sa.String(), nullable=False),
    sa.Column('problem', sa.String(), nullable=False),
    sa.Column('method', sa.String(), nullable=False),
    sa.Column('trl', sa.String(), nullable=False),
    sa.Column('trl_proof', sa.String(), nullable=False),
    sa.Column('comparison', sa.String(), nullable=False),
    sa.Column('cases', sa.String(), nullable=False),
    sa.Column('limits', sa.String(), nullable=False),
    sa.Column('ip', sa.String(), nullable=False),
    sa.Column('modes', sa.JSON(), nullable=False),
    sa.Column('price_min', sa.Float(), nullable=True),
    sa.Column('price_max', sa.Float(), nullable=True),
    sa.Column('regions', sa.JSON(), nullable=False),
    sa.Column('monthly_capacity', sa.Float(), nullable=True),
    sa.Column('contact_name', sa.String(), nullable=False),
    sa.Column('contact_phone', sa.String(), nullable=False),
    sa.CheckConstraint("code IS NOT NULL OR state IN ('draft', 'withdrawn')", name=op.f('ck_capability_code_once_submitted')),
    sa.CheckConstraint('price_min <= price_max', name=op.f('ck_capability_price_in_order')),
    sa.ForeignKeyConstraint(['approver_id'], ['organisation.id'], name=op.f('fk_capability_approver_id_organisation')),
    sa.ForeignKeyConstraint(['created_by'], ['user.id'], name=op.f('fk_capability_created_by_user')),
    sa.ForeignKeyConstraint(['organisation_id'], ['organisation.id'], name=op.f('fk_capability_organisation_id_organisation')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_capability')),
    sa.UniqueConstraint('code', name=op.f('uq_capability_code')),
    sa.UniqueConstraint('key', name=op.f('uq_capability_key'))
    )
    with op.batch_alter_table('capability', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_capability_approver_id'), ['approver_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_capability_organisation_id'), ['organisation_id'], unique=False)
        batch_op.create_index('ix_capability_state_published_at', ['state', 'published_at'], unique=False)

    op.create_table('certificate',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('key', sa.String(), nullable=False),
    sa.Column('organisation_id', sa.Integer(), nullable=False),
    sa.Column('title', sa.String(), nullable=False),
    sa.Column('number', sa.String(), nullable=False),
    sa.Column('state', sa.Enum('certified', 'rectifying', 'revoked', 'expired', 'withdrawn', name='certificatestate', native_enum=False, create_constraint=True, length=32), nullable=False),
    sa.Column('state_since', sa.DateTime(), nullable=False),
    sa.Column('decided_at', sa.DateTime(), nullable=False),
    sa.Column('decided_by', sa.Integer(), nullable=True),
    sa.Column('reason', sa.String(), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.CheckConstraint("title IN ('district', 'park')", name=op.f('ck_certificate_title')),
    sa.ForeignKeyConstraint(['decided_by'], ['user.id'], name=op.f('fk_certificate_decided_by_user')),
    sa.ForeignKeyConstraint(['organisation_id'], ['organisation.id'], name=op.f('fk_certificate_organisation_id_organisation')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_certificate')),
    sa.UniqueConstraint('key', name=op.f('uq_certificate_key')),
    sa.UniqueConstraint('number', name=op.f('uq_certificate_number'))
    )
    with op.batch_alter_table('certificate', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_certificate_organisation_id'), ['organisation_id'], unique=False)
        batch_op.create_index('uq_certificate_open', ['organisation_id', 'title'], unique=True, sqlite_where=sa.text("state IN ('certified', 'rectifying')"), postgresql_where=sa.text("state IN ('certified', 'rectifying')"))

    op.create_table('consent',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('subject_kind', sa.String(), nullable=False),
    sa.Column('subject_id', sa.Integer(), nullable=False),
    sa.Column('organisation_id', sa.Integer(), nullable=False),
    sa.Column('granted_at', sa.DateTime(), nullable=False),
    sa.ForeignKeyConstraint(['organisation_id'], ['organisation.id'], name=op.f('fk_consent_organisation_id_organisation')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_consent')),
    sa.UniqueConstraint('subject_kind', 'subject_id', 'organisation_id', name=op.f('uq_consent_subject_kind_subject_id_organisation_id'))
    )
    op.create_table('invitation',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('token_hash', sa.String(), nullable=False),
    sa.Column('organisation_id', sa.Integer(), nullable=False),
    sa.Column('email', sa.String(), nullable=False),
    sa.Column('name', sa.String(), nullable=False),
    sa.Column('role', sa.Enum('manager', 'officer', 'viewer', name='role', native_enum=False, create_constraint=True, length=32), nullable=False),
    sa.Column('invited_by', sa.Integer(), nullable=True),
    sa.Column('created_at', sa.DateTime(), nullable=False),
    sa.Column('expires_at', sa.DateTime(), nullable=False),
    sa.Column('used_at', sa.DateTime(), nullable=True),
    sa.ForeignKeyConstraint(['invited_by'], ['user.id'], name=op.f('fk_invitation_invited_by_user')),
    sa.ForeignKeyConstraint(['organisation_id'], ['organisation.id'], name=op.f('fk_invitation_organisation_id_organisation')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_invitation')),
    sa.UniqueConstraint('token_hash', name=op.f('uq_invitation_token_hash'))
    )
    with op.batch_alter_table('invitation', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_invitation_organisation_id'), ['organisation_id'], unique=False)

    op.create_table('membership',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('key', sa.String(), nullable=False),
    sa.Column('user_id', sa.Integer(), nullable=False),
    sa.Column('organisation_id', sa.Integer(), nullable=False),
    sa.Column('role', sa.Enum('manager', 'officer', 'viewer', name='role', native_enum=False, create_constraint=True, length=32), nullable=False),
    sa.Column('ended_at', sa.DateTime(), nullable=True),
    sa.ForeignKeyConstraint(['organisation_id'], ['organisation.id'], name=op.f('fk_membership_organisation_id_organisation')),
    sa.ForeignKeyConstraint(['user_id'], ['user.id'], name=op.f('fk_membership_user_id_user')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_membership')),
    sa.UniqueConstraint('key', name=op.f('uq_membership_key')),
    sa.UniqueConstraint('user_id', 'organisation_id', name=op.f('uq_membership_user_id_organisation_id'))
    )
    with op.batch_alter_table('membership', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_membership_organisation_id'), ['organisation_id'], unique=False)

    op.create_table('need_batch',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('key', sa.String(), nullable=False),
    sa.Column('organisation_id', sa.Integer(), nullable=False),
    sa.Column('user_id', sa.Integer(), nullable=True),
    sa.Column('file_name', sa.String(), nullable=False),
    sa.Column('file_hash', sa.String(), nullable=False),
    sa.Column('rows', sa.JSON(), nullable=False),
    sa.Column('created_at', sa.DateTime(), nullable=False),
    sa.Column('confirmed_at', sa.DateTime(), nullable=True),
    sa.Column('undone_at', sa.DateTime(), nullable=True),
    sa.ForeignKeyConstraint(['organisation_id'], ['organisation.id'], name=op.f('fk_need_batch_organisation_id_organisation')),
    sa.ForeignKeyConstraint(['user_id'], ['user.id'], name=op.f('fk_need_batch_user_id_user')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_need_batch')),
    sa.UniqueConstraint('key', name=op.f('uq_need_batch_key'))
    )
    with op.batch_alter_table('need_batch', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_need_batch_organisation_id'), ['organisation_id'], unique=False)

    op.create_table('notice',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('key', sa.String(), nullable=False),
    sa.Column('organisation_id', sa.Integer(), nullable=False),
    sa.Column('subject_kind', sa.String(), nullable=False),
    sa.Column('subject_key', sa.String(), nullable=False),
    sa.Column('sentence', sa.String(), nullable=False),
    sa.Column('due_at', sa.DateTime(), nullable=True),
    sa.Column('created_at', sa.DateTime(), nullable=False),
    sa.Column('read_at', sa.DateTime(), nullable=True),
    sa.ForeignKeyConstraint(['organisation_id'], ['organisation.id'], name=op.f('fk_notice_organisation_id_organisation')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_notice')),
    sa.UniqueConstraint('key', name=op.f('uq_notice_key'))
    )
    with op.batch_alter_table('notice', schema=None) as batch_op:
        batch_op.create_index('ix_notice_organisation_id_created_at', ['organisation_id', 'created_at'], unique=False)

    op.create_table('organisation_alias',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('organisation_id', sa.Integer(), nullable=False),
    sa.Column('name', sa.String(), nullable=False),
    sa.ForeignKeyConstraint(['organisation_id'], ['organisation.id'], name=op.f('fk_organisation_alias_organisation_id_organisation')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_organisation_alias'))
    )
    with op.batch_alter_table('organisation_alias', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_organisation_alias_name'), ['name'], unique=False)
        batch_op.create_index(batch_op.f('ix_organisation_alias_organisation_id'), ['organisation_id'], unique=False)

    op.create_table('team_member',
    sa.Column('team_id', sa.Integer(), nullable=False),
    sa.Column('organisation_id', sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(['organisation_id'], ['organisation.id'], name=op.f('fk_team_member_organisation_id_organisation')),
    sa.ForeignKeyConstraint(['team_id'], ['organisation.id'], name=op.f('fk_team_member_team_id_organisation')),
    sa.PrimaryKeyConstraint('team_id', 'organisation_id', name=op.f('pk_team_member'))
    )
    op.create_table('user_session',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('key', sa.String(), nullable=False),
    sa.Column('token_hash', sa.String(), nullable=False),
    sa.Column('user_id', sa.Integer(), nullable=False),
    sa.Column('organisation_id', sa.Integer(), nullable=True),
    sa.Column('address', sa.String(), nullable=False),
    sa.Column('device', sa.String(), nullable=False),
    sa.Column('created_at', sa.DateTime(), nullable=False),
    sa.Column('seen_at', sa.DateTime(), nullable=False),
    sa.Column('ended_at', sa.DateTime(), nullable=True),
    sa.Column('end_reason', sa.String(), nullable=False),
    sa.ForeignKeyConstraint(['organisation_id'], ['organisation.id'], name=op.f('fk_user_session_organisation_id_organisation')),
    sa.ForeignKeyConstraint(['user_id'], ['user.id'], name=op.f('fk_user_session_user_id_user')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_user_session')),
    sa.UniqueConstraint('key', name=op.f('uq_user_session_key')),
    sa.UniqueConstraint('token_hash', name=op.f('uq_user_session_token_hash'))
    )
    with op.batch_alter_table('user_session', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_user_session_user_id'), ['user_id'], unique=False)

    op.create_table('capability_claim',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('capability_id', sa.Integer(), nullable=False),
    sa.Column('position', sa.Integer(), nullable=False),
    sa.Column('name', sa.String(), nullable=False),
    sa.Column('value_text', sa.String(), nullable=False),
    sa.Column('unit', sa.String(), nullable=False),
    sa.Column('evidence', sa.String(), nullable=False),
    sa.Column('dated_on', sa.String(), nullable=False),
    sa.ForeignKeyConstraint(['capability_id'], ['capability.id'], name=op.f('fk_capability_claim_capability_id_capability')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_capability_claim'))
    )
    with op.batch_alter_table('capability_claim', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_capability_claim_capability_id'), ['capability_id'], unique=False)

    op.create_table('need',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('key', sa.String(), nullable=False),
    sa.Column('code', sa.String(), nullable=True),
    sa.Column('organisation_id', sa.Integer(), nullable=False),
    sa.Column('district_code', sa.String(), nullable=False),
    sa.Column('created_by', sa.Integer(), nullable=True),
    sa.Column('submitted_by', sa.Integer(), nullable=True),
    sa.Column('approved_by', sa.Integer(), nullable=True),
    sa.Column('origin', sa.String(), nullable=False),
    sa.Column('batch_id', sa.Integer(), nullable=True),
    sa.Column('shared_need_id', sa.Integer(), nullable=True),
    sa.Column('merged_into_id', sa.Integer(), nullable=True),
    sa.Column('state', sa.Enum('draft', 'submitted', 'returned', 'district_approved', 'published', 'diagnosing', 'matching', 'engaged', 'contracted', 'solved', 'expired', 'merged', 'withdrawn', 'longterm', 'rejected', name='needstate', native_enum=False, create_constraint=True, length=32), nullable=False),
    sa.Column('state_since', sa.DateTime(), nullable=False),
    sa.Column('clarity', sa.Enum('clear', 'vague', 'concept', name='clarity', native_enum=False, create_constraint=True, length=32), nullable=False),
    sa.Column('tiers', sa.JSON(), nullable=False),
    sa.Column('created_at', sa.DateTime(), nullable=False),
    sa.Column('saved_at', sa.DateTime(), nullable=False),
    sa.Column('submitted_at', sa.DateTime(), nullable=True),
    sa.Column('published_at', sa.DateTime(), nullable=True),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('title', sa.String(), nullable=False),
    sa.Column('kind', sa.String(), nullable=False),
    sa.Column('industry', sa.String(), nullable=False),
    sa.Column('keywords', sa.String(), nullable=False),
    sa.Column('background', sa.String(), nullable=False),
    sa.Column('problem', sa.String(), nullable=False),
    sa.Column('target', sa.String(), nullable=False),
    sa.Column('tried', sa.String(), nullable=False),
    sa.Column('benefit', sa.String(), nullable=False),
    sa.Column('modes', sa.JSON(), nullable=False),
    sa.Column('min_trl', sa.String(), nullable=False),
    sa.Column('urgency', sa.String(), nullable=False),
    sa.Column('starts_on', sa.Date(), nullable=True),
    sa.Column('due_on', sa.Date(), nullable=True),
    sa.Column('budget_min', sa.Float(), nullable=True),
    sa.Column('budget_max', sa.Float(), nullable=True),
    sa.Column('payer', sa.String(), nullable=False),
    sa.Column('cash_payable', sa.Boolean(), nullable=False),
    sa.Column('ip_terms', sa.String(), nullable=False),
    sa.Column('solver_conditions', sa.String(), nullable=False),
    sa.Column('not_alone', sa.String(), nullable=False),
    sa.Column('activity', sa.String(), nullable=False),
    sa.Column('partners', sa.String(), nullable=False),
    sa.Column('owner_name', sa.String(), nullable=False),
    sa.Column('owner_phone', sa.String(), nullable=False),
    sa.Column('technical_contact', sa.String(), nullable=False),
    sa.Column('technical_phone', sa.String(), nullable=False),
    sa.Column('signer', sa.String(), nullable=False),
    sa.Column('valid_until', sa.Date(), nullable=True),
    sa.CheckConstraint("code IS NOT NULL OR state IN ('draft', 'withdrawn')", name=op.f('ck_need_code_once_submitted')),
    sa.CheckConstraint("state != 'merged' OR merged_into_id IS NOT NULL", name=op.f('ck_need_merged_into_another')),
    sa.CheckConstraint('budget_min <= budget_max', name=op.f('ck_need_budget_in_order')),
    sa.CheckConstraint('merged_into_id != id', name=op.f('ck_need_not_into_itself')),
    sa.ForeignKeyConstraint(['batch_id'], ['need_batch.id'], name=op.f('fk_need_batch_id_need_batch')),
    sa.ForeignKeyConstraint(['created_by'], ['user.id'], name=op.f('fk_need_created_by_user')),
    sa.ForeignKeyConstraint(['merged_into_id'], ['need.id'], name=op.f('fk_need_merged_into_id_need')),
    sa.ForeignKeyConstraint(['organisation_id'], ['organisation.id'], name=op.f('fk_need_organisation_id_organisation')),
    sa.ForeignKeyConstraint(['shared_need_id'], ['shared_need.id'], name=op.f('fk_need_shared_need_id_shared_need')),
    sa.ForeignKeyConstraint(['submitted_by'], ['user.id'], name=op.f('fk_need_submitted_by_user')),
    sa.ForeignKeyConstraint(['approved_by'], ['user.id'], name=op.f('fk_need_approved_by_user')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_need')),
    sa.UniqueConstraint('code', name=op.f('uq_need_code')),
    sa.UniqueConstraint('key', name=op.f('uq_need_key'))
    )
    with op.batch_alter_table('need', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_need_batch_id'), ['batch_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_need_district_code'), ['district_code'], unique=False)
        batch_op.create_index(batch_op.f('ix_need_merged_into_id'), ['merged_into_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_need_organisation_id'), ['organisation_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_need_shared_need_id'), ['shared_need_id'], unique=False)
        batch_op.create_index('ix_need_state_published_at', ['state', 'published_at'], unique=False)

    op.create_table('interest',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('key', sa.String(), nullable=False),
    sa.Column('need_id', sa.Integer(), nullable=False),
    sa.Column('capability_id', sa.Integer(), nullable=False),
    sa.Column('asker_id', sa.Integer(), nullable=False),
    sa.Column('answerer_id', sa.Integer(), nullable=False),
    sa.Column('sent_by', sa.Integer(), nullable=True),
    sa.Column('cooperation', sa.String(), nullable=False),
    sa.Column('unclear', sa.String(), nullable=False),
    sa.Column('about_us', sa.String(), nullable=False),
    sa.Column('state', sa.Enum('sent', 'accepted', 'declined', 'withdrawn', 'expired', 'lapsed', name='intereststate', native_enum=False, create_constraint=True, length=32), nullable=False),
    sa.Column('state_since', sa.DateTime(), nullable=False),
    sa.Column('sent_at', sa.DateTime(), nullable=False),
    sa.Column('due_at', sa.DateTime(), nullable=False),
    sa.Column('decided_at', sa.DateTime(), nullable=True),
    sa.Column('decided_by', sa.Integer(), nullable=True),
    sa.Column('reason', sa.String(), nullable=False),
    sa.Column('answer', sa.String(), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.CheckConstraint("(state IN ('accepted', 'declined')) = (decided_at IS NOT NULL AND decided_by IS NOT NULL)", name=op.f('ck_interest_decided_by_somebody')),
    sa.CheckConstraint("state != 'declined' OR reason != ''", name=op.f('ck_interest_declined_with_reason')),
    sa.CheckConstraint('asker_id != answerer_id', name=op.f('ck_interest_two_sides')),
    sa.ForeignKeyConstraint(['answerer_id'], ['organisation.id'], name=op.f('fk_interest_answerer_id_organisation')),
    sa.ForeignKeyConstraint(['asker_id'], ['organisation.id'], name=op.f('fk_interest_asker_id_organisation')),
    sa.ForeignKeyConstraint(['capability_id'], ['capability.id'], name=op.f('fk_interest_capability_id_capability')),
    sa.ForeignKeyConstraint(['decided_by'], ['user.id'], name=op.f('fk_interest_decided_by_user')),
    sa.ForeignKeyConstraint(['need_id'], ['need.id'], name=op.f('fk_interest_need_id_need')),
    sa.ForeignKeyConstraint(['sent_by'], ['user.id'], name=op.f('fk_interest_sent_by_user')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_interest')),
    sa.UniqueConstraint('key', name=op.f('uq_interest_key'))
    )
    with op.batch_alter_table('interest', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_interest_answerer_id'), ['answerer_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_interest_asker_id'), ['asker_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_interest_capability_id'), ['capability_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_interest_need_id'), ['need_id'], unique=False)
        batch_op.create_index('uq_interest_open_pair', ['need_id', 'capability_id'], unique=True, sqlite_where=sa.text("state IN ('sent', 'accepted')"), postgresql_where=sa.text("state IN ('sent', 'accepted')"))

    op.create_table('match_decision',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('need_id', sa.Integer(), nullable=False),
    sa.Column('capability_id', sa.Integer(), nullable=False),
    sa.Column('organisation_id', sa.Integer(), nullable=False),
    sa.Column('user_id', sa.Integer(), nullable=True),
    sa.Column('decision', sa.Enum('adopt', 'ignore', 'refuse', name='decision', native_enum=False, create_constraint=True, length=32), nullable=False),
    sa.Column('reason', sa.String(), nullable=False),
    sa.Column('sentence', sa.String(), nullable=False),
    sa.Column('at', sa.DateTime(), nullable=False),
    sa.CheckConstraint("(decision = 'refuse') = (reason != '')", name=op.f('ck_match_decision_a_refusal_has_a_reason')),
    sa.ForeignKeyConstraint(['capability_id'], ['capability.id'], name=op.f('fk_match_decision_capability_id_capability')),
    sa.ForeignKeyConstraint(['need_id'], ['need.id'], name=op.f('fk_match_decision_need_id_need')),
    sa.ForeignKeyConstraint(['organisation_id'], ['organisation.id'], name=op.f('fk_match_decision_organisation_id_organisation')),
    sa.ForeignKeyConstraint(['user_id'], ['user.id'], name=op.f('fk_match_decision_user_id_user')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_match_decision')),
    sa.UniqueConstraint('need_id', 'capability_id', 'organisation_id', name='uq_match_decision_pair')
    )
    with op.batch_alter_table('match_decision', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_match_decision_capability_id'), ['capability_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_match_decision_organisation_id'), ['organisation_id'], unique=False)

    op.create_table('need_avoid',
    sa.Column('need_id', sa.Integer(), nullable=False),
    sa.Column('organisation_id', sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(['need_id'], ['need.id'], name=op.f('fk_need_avoid_need_id_need')),
    sa.ForeignKeyConstraint(['organisation_id'], ['organisation.id'], name=op.f('fk_need_avoid_organisation_id_organisation')),
    sa.PrimaryKeyConstraint('need_id', 'organisation_id', name=op.f('pk_need_avoid'))
    )
    op.create_table('need_indicator',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('need_id', sa.Integer(), nullable=False),
    sa.Column('position', sa.Integer(), nullable=False),
    sa.Column('name', sa.String(), nullable=False),
    sa.Column('present', sa.String(), nullable=False),
    sa.Column('target', sa.String(), nullable=False),
    sa.Column('unit', sa.String(), nullable=False),
    sa.Column('direction', sa.Enum('ge', 'le', 'range', name='direction', native_enum=False, create_constraint=True, length=32), nullable=False),
    sa.Column('method', sa.String(), nullable=False),
    sa.Column('must', sa.Boolean(), nullable=False),
    sa.ForeignKeyConstraint(['need_id'], ['need.id'], name=op.f('fk_need_indicator_need_id_need')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_need_indicator'))
    )
    with op.batch_alter_table('need_indicator', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_need_indicator_need_id'), ['need_id'], unique=False)

    op.create_table('need_remark',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('need_id', sa.Integer(), nullable=False),
    sa.Column('user_id', sa.Integer(), nullable=True),
    sa.Column('author', sa.String(), nullable=False),
    sa.Column('unit', sa.String(), nullable=False),
    sa.Column('at', sa.DateTime(), nullable=False),
    sa.Column('field', sa.String(), nullable=False),
    sa.Column('sentence', sa.String(), nullable=False),
    sa.ForeignKeyConstraint(['need_id'], ['need.id'], name=op.f('fk_need_remark_need_id_need')),
    sa.ForeignKeyConstraint(['user_id'], ['user.id'], name=op.f('fk_need_remark_user_id_user')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_need_remark'))
    )
    with op.batch_alter_table('need_remark', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_need_remark_need_id'), ['need_id'], unique=False)
    for deed in ("update", "delete"):
        op.execute(f"CREATE TRIGGER audit_no_{deed} BEFORE {deed.upper()} ON audit "
                   "BEGIN SELECT RAISE(ABORT, 'the audit log only grows'); END")


def downgrade() -> None:
    """Take back."""
    with op.batch_alter_table('need_remark', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_need_remark_need_id'))

    op.drop_table('need_remark')
    with op.batch_alter_table('need_indicator', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_need_indicator_need_id'))

    op.drop_table('need_indicator')
    op.drop_table('need_avoid')
    with op.batch_alter_table('match_decision', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_match_decision_organisation_id'))
        batch_op.drop_index(batch_op.f('ix_match_decision_capability_id'))

    op.drop_table('match_decision')
    with op.batch_alter_table('interest', schema=None) as batch_op:
        batch_op.drop_index('uq_interest_open_pair', sqlite_where=sa.text("state IN ('sent', 'accepted')"), postgresql_where=sa.text("state IN ('sent', 'accepted')"))
        batch_op.drop_index(batch_op.f('ix_interest_need_id'))
        batch_op.drop_index(batch_op.f('ix_interest_capability_id'))
        batch_op.drop_index(batch_op.f('ix_interest_asker_id'))
        batch_op.drop_index(batch_op.f('ix_interest_answerer_id'))

    op.drop_table('interest')
    with op.batch_alter_table('need', schema=None) as batch_op:
        batch_op.drop_index('ix_need_state_published_at')
        batch_op.drop_index(batch_op.f('ix_need_shared_need_id'))
        batch_op.drop_index(batch_op.f('ix_need_organisation_id'))
        batch_op.drop_index(batch_op.f('ix_need_merged_into_id'))
        batch_op.drop_index(batch_op.f('ix_need_district_code'))
        batch_op.drop_index(batch_op.f('ix_need_batch_id'))

    op.drop_table('need')
    with op.batch_alter_table('capability_claim', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_capability_claim_capability_id'))

    op.drop_table('capability_claim')
    with op.batch_alter_table('user_session', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_user_session_user_id'))

    op.drop_table('user_session')
    op.drop_table('team_member')
    with op.batch_alter_table('organisation_alias', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_organisation_alias_organisation_id'))
        batch_op.drop_index(batch_op.f('ix_organisation_alias_name'))

    op.drop_table('organisation_alias')
    with op.batch_alter_table('notice', schema=None) as batch_op:
        batch_op.drop_index('ix_notice_organisation_id_created_at')

    op.drop_table('notice')
    with op.batch_alter_table('need_batch', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_need_batch_organisation_id'))

    op.drop_table('need_batch')
    with op.batch_alter_table('membership', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_membership_organisation_id'))

    op.drop_table('membership')
    with op.batch_alter_table('invitation', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_invitation_organisation_id'))

    op.drop_table('invitation')
    op.drop_table('consent')
    with op.batch_alter_table('certificate', schema=None) as batch_op:
        batch_op.drop_index('uq_certificate_open', sqlite_where=sa.text("state IN ('certified', 'rectifying')"), postgresql_where=sa.text("state IN ('certified', 'rectifying')"))
        batch_op.drop_index(batch_op.f('ix_certificate_organisation_id'))

    op.drop_table('certificate')
    with op.batch_alter_table('capability', schema=None) as batch_op:
        batch_op.drop_index('ix_capability_state_published_at')
        batch_op.drop_index(batch_op.f('ix_capability_organisation_id'))
        batch_op.drop_index(batch_op.f('ix_capability_approver_id'))

    op.drop_table('capability')
    with op.batch_alter_table('audit', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_audit_action'))

    op.drop_table('audit')
    with op.batch_alter_table('vector', schema=None) as batch_op:
        batch_op.drop_index('ix_vector_text')
        batch_op.drop_index('ix_vector_searched', sqlite_where=sa.text("role = 'passage' AND field = 'whole' AND part = 0"), postgresql_where=sa.text("role = 'passage' AND field = 'whole' AND part = 0"))

    op.drop_table('vector')
    op.drop_table('user')
    with op.batch_alter_table('sign_in_try', schema=None) as batch_op:
        batch_op.drop_index('ix_sign_in_try_account_address_at')

    op.drop_table('sign_in_try')
    op.drop_table('shared_need')
    with op.batch_alter_table('organisation', schema=None) as batch_op:
        batch_op.drop_index('uq_organisation_district_kind', sqlite_where=sa.text("kind = 'district'"), postgresql_where=sa.text("kind = 'district'"))

    op.drop_table('organisation')
    with op.batch_alter_table('job', schema=None) as batch_op:
        batch_op.drop_index('uq_job_waiting_key', sqlite_where=sa.text("status = 'waiting' AND key IS NOT NULL"), postgresql_where=sa.text("status = 'waiting' AND key IS NOT NULL"))
        batch_op.drop_index('ix_job_status_rank_run_at')

    op.drop_table('job')
    op.drop_table('index_change')
    op.drop_table('index_build')
