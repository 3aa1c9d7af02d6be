"""Words for actions: what the rules table and the audit chain call ``need.publish`` is 审核发布 on a page."""

from __future__ import annotations

from kcz_match.accounts.states import ORGANISATIONS
from kcz_match.catalogue.states import CAPABILITIES, NEEDS
from kcz_match.core.lifecycle import Lifecycle
from kcz_match.engagements.states import INTERESTS
from kcz_match.selection.states import CERTIFICATES

LIFECYCLES: dict[str, Lifecycle] = {
    table.kind: table for table in (ORGANISATIONS, CERTIFICATES, NEEDS, CAPABILITIES, INTERESTS)
}

# What an action is about, in the order of the rules page.
SUBJECTS = {
    "organisation": "单位",
    "membership": "单位成员",
    "user": "账号",
    "session": "登录",
    "certificate": "认定",
    "need": "需求",
    "capability": "能力",
    "match": "匹配",
    "search": "保存的搜索",
    "interest": "对接意向",
    "consent": "联系方式",
    "admin": "管理",
    "job": "后台任务",
    "inbox": "收件箱",
}

# Actions that are no arrow of a lifecycle.
WORDS = {
    "inbox.clear": "把通知标为已读",
    "organisation.register": "登记单位",
    "organisation.edit": "修改简介和别名",
    "organisation.invite": "邀请成员",
    "organisation.withdraw_invitation": "撤回邀请",
    "membership.change": "调整角色或移出成员",
    "membership.join": "加入单位",
    "session.start": "登录",
    "session.end": "结束登录",
    "session.switch": "切换单位",
    "session.pause": "密码多次错误，暂停登录",
    "user.edit": "修改个人资料",
    "user.change_password": "修改密码",
    "user.reset_password": "重设忘记的密码",
    "user.make_password_link": "生成重设密码的链接",
    "user.disable": "停用账号",
    "user.enable": "启用账号",
    "admin.read": "查看管理页面",
    "job.retry": "重做搁置的任务",
    "certificate.grant": "授予认定",
    "need.write": "起草需求",
    "need.import": "用清单批量导入",
    "need.read": "查看需求",
    "need.read_own": "查看未公开的栏目和往来",
    "need.edit": "修改草稿",
    "need.remark": "发表意见",
    "need.share": "列为共性需求",
    "need.leave_shared": "移出共性需求",
    "need.split": "拆成子问题",
    "need.diagnose": "诊断",
    "need.draft": "新建草稿",
    "need.delete_draft": "删除草稿",
    "capability.write": "起草能力",
    "capability.read": "查看能力",
    "capability.read_own": "查看未公开的栏目和往来",
    "capability.edit": "修改草稿",
    "capability.draft": "新建草稿",
    "capability.delete_draft": "删除草稿",
    "match.read": "查看匹配",
    "match.decide": "采纳或排除匹配",
    "match.undo_decision": "收回对匹配的决定",
    "match.queue": "查看待处理的推荐",
    "match.pin": "置顶匹配",
    "match.unpin": "取消置顶",
    "match.veto": "不再推荐一对匹配",
    "match.lift_veto": "恢复推荐一对匹配",
    "match.note": "写推荐说明",
    "match.unnote": "去掉推荐说明",
    "search.save": "保存搜索",
    "search.change": "暂停、恢复或移除保存的搜索",
    "search.pause": "暂停保存的搜索",
    "search.resume": "恢复保存的搜索",
    "search.remove": "移除保存的搜索",
    "interest.send": "发出对接意向",
    "interest.read": "查看对接意向",
    "consent.reveal": "向对方公开联系方式",
}


def subject_word(action: str) -> str:
    """Return what the action is about: 需求 for ``need.publish``; an unknown kind as it is."""
    kind = action.partition(".")[0]
    return SUBJECTS.get(kind, kind)


def action_word(action: str) -> str:
    """Return the word of an action: its button's when it is an arrow, else from ``WORDS``, else the action itself."""
    kind, _, verb = action.partition(".")
    arrows = LIFECYCLES[kind].arrows if kind in LIFECYCLES else {}
    return arrows[verb].label if verb in arrows else WORDS.get(action, action)
