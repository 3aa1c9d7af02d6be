"""The Office's own pages: what there is to administer, the rules, and the health of the installation."""

from __future__ import annotations

from flask import Blueprint, render_template

from kcz_match.accounts import queries
from kcz_match.accounts.states import OrganisationState
from kcz_match.core import jobs
from kcz_match.core.jobs import JobStatus
from kcz_match.web import rule_matrix
from kcz_match.web.access import asks

blueprint = Blueprint("admin", __name__, url_prefix="/admin")

# Names of what `flask doctor` examines.
HEALTH_WORDS = {
    "sqlite": "数据库软件版本",
    "database": "数据库文件",
    "schema": "数据库结构",
    "encoder": "语义模型",
    "index files": "索引文件",
    "index rows": "索引与记录一致",
    "jobs": "后台任务",
    "worker": "后台进程",
    "disk": "磁盘空间",
    "audit": "操作记录完整",
}


@blueprint.get("")
@asks("admin.read")
def home() -> str:
    """Show what waits for the Office here, and where everything else is."""
    return render_template(
        "admin/home.html",
        unverified=queries.organisations(state=OrganisationState.UNVERIFIED),
        parked=jobs.count_by_status()[JobStatus.PARKED],
        counts=queries.counts_by_kind(),
    )


@blueprint.get("/rules")
@asks("admin.read")
def rules() -> str:
    """Show who may do what, from the table that every verb asks."""
    return render_template(
        "admin/rules.html",
        tables=list(rule_matrix.tables()),
        roles=list(rule_matrix.ROLES),
        reach_words=rule_matrix.REACH_WORDS,
    )


@blueprint.get("/health")
@asks("admin.read")
def health() -> str:
    """Show what ``flask doctor`` finds."""
    from kcz_match import doctor

    return render_template("admin/health.html", lines=doctor.examine(), words=HEALTH_WORDS)
