"""What the pages of needs and of capabilities do alike: saving a long form, saving it by itself, taking a move.

A ``Desk`` says what is particular to one kind of record; the blueprints keep their addresses and templates.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flask import jsonify, redirect, render_template, request, url_for
from sqlalchemy import select
from werkzeug.wrappers import Response

from kcz_match.catalogue.fields import Field
from kcz_match.catalogue.visibility import Record
from kcz_match.core import policy
from kcz_match.core.db import KEY_ALPHABET, KEY_LENGTH, db, utc_now
from kcz_match.core.errors import Conflict, Invalid, NotFound, Stale
from kcz_match.core.lifecycle import Lifecycle
from kcz_match.web.access import actor
from kcz_match.web.presentation import moment, say
from kcz_match.web.record_forms import Meaning, Typed, from_record, read_form, understand
from kcz_match.web.threads import thread_of

Answer = str | Response | tuple[str, int]


@dataclass(frozen=True)
class Desk:
    """One kind of record at work.

    ``name`` is the record's name in templates, ``find`` loads one that the actor may know of, ``store`` creates (given
    None) or changes one, ``act`` takes a move, ``form`` shows the long form, ``frame`` gives what stands around a tab.
    ``submitted`` is said after submission; after a verb of ``reopening`` the form is shown.
    """

    name: str
    model: type[Any]
    lifecycle: Lifecycle
    fields: Sequence[Field]
    rows_name: str
    parse_rows: Callable[[Sequence[Mapping[str, object]]], tuple[list[Any], dict[str, str]]]
    find: Callable[..., Any]
    store: Callable[[str, Any, Meaning, int], Any]
    act: Callable[..., None]
    delete: Callable[..., None]
    form: Callable[[str, Typed, dict[str, str], Any], str]
    frame: Callable[[Any, str], dict[str, Any]]
    submitted: str
    editable: frozenset[Any]
    reopening: frozenset[str]

    def own(self, key: str) -> Any:
        """Return the actor's own record; None when the key is free; ``NotFound`` for anybody else's or a bad key."""
        if len(key) != KEY_LENGTH or not set(key) <= set(KEY_ALPHABET):
            raise NotFound
        record = db.session.scalar(select(self.model).where(self.model.key == key))
        if record is not None and not policy.can(actor(), f"{self.name}.edit", record):
            raise NotFound
        return record

    def own_side(self, key: str) -> Any:
        """Return a record that the actor reads whole, otherwise raise ``NotFound``."""
        record = self.find(key, actor())
        if not policy.can(actor(), f"{self.name}.read_own", record):
            raise NotFound
        return record

    def typed(self) -> Typed:
        """Return the posted form as typed."""
        return read_form(request.form, self.fields, self.rows_name)

    def meaning(self, typed: Typed) -> Meaning:
        """Return what a typed form means."""
        return understand(typed, self.fields, self.rows_name, self.parse_rows)

    def edit(self, key: str) -> Answer:
        """Show or take the form of a draft; ``then=submit`` submits it for review as well."""
        record = self.own(key)
        if request.method == "GET":
            if record is None:
                raise NotFound
            if record.state not in self.editable:
                return redirect(url_for(".show", key=key))
            return self.form(key, from_record(record), {}, record)
        typed, submits = self.typed(), request.form.get("then") == "submit"
        try:
            record = self._save(key, record, typed)
            if submits:
                self.act(record, "submit", actor())
        except (Invalid, Conflict) as refusal:
            db.session.rollback()
            errors = refusal.errors if isinstance(refusal, Invalid) else {"title": refusal.sentence}
            return self.form(key, typed, errors, self.own(key)), refusal.status
        say(self.submitted if submits else "已保存。")
        address = url_for(".show" if submits else ".edit", key=record.key)
        db.session.commit()
        return redirect(address)

    def autosave(self, key: str) -> Response | tuple[Response, int]:
        """Save the draft while it is being typed; answers with the new version, the time, and the form's own address.

        What cannot be read is left as it was and named in ``problem``; the rest is saved.
        """
        typed = self.typed()
        meaning = self.meaning(typed)
        rows_wrong = any(name.startswith(self.rows_name) for name in meaning.errors)
        try:
            kept = Meaning(meaning.values, None if rows_wrong else meaning.rows, meaning.tiers, {})
            record = self.store(key, self.own(key), kept, typed.version)
        except Conflict as refusal:
            db.session.rollback()
            return jsonify(sentence=refusal.sentence), refusal.status
        db.session.flush()
        problem = next(iter(meaning.errors.values()), "")
        answer = jsonify(
            version=record.version,
            saved_at=moment(utc_now()).rpartition(" ")[2],
            address=url_for(".edit", key=key),
            problem=problem,
        )
        db.session.commit()
        return answer

    def move(self, key: str) -> Answer:
        """Take one arrow of the lifecycle; a refused one comes back with what was typed."""
        record = self.find(key, actor())
        verb, reason, remark = (request.form.get(name, "") for name in ("verb", "reason", "remark"))
        if verb not in self.lifecycle.arrows:
            raise NotFound
        try:
            if request.form.get("version", "") not in ("", str(record.version)):
                raise Stale
            self.act(record, verb, actor(), reason=reason, remark=remark)
        except Invalid as refusal:
            db.session.rollback()
            record = self.find(key, actor())
            if verb == "submit":
                return self.form(key, from_record(record), refusal.errors, record), refusal.status
            tried = {"tried": verb, "errors": refusal.errors, "reason": reason, "remark": remark}
            return self.history(record, **tried), refusal.status
        except Conflict as refusal:
            if not remark.strip():
                raise
            db.session.rollback()
            return self.history(self.own_side(key), remark_error=refusal.sentence, typed=remark), refusal.status
        say(f"已{self.lifecycle.arrows[verb].label}：{record.title}。现在是“{self.lifecycle.word(record.state)}”。")
        address = url_for(".edit" if verb in self.reopening else ".show", key=key)
        db.session.commit()
        return redirect(address)

    def remove(self, key: str) -> Response:
        """Remove a draft that was never submitted."""
        record = self.find(key, actor())
        title = record.title or "未命名草稿"
        self.delete(record, actor())
        say(f"草稿“{title}”已删除。")
        db.session.commit()
        return redirect(url_for(".index", mine=1))

    def history(self, record: Record, **more: object) -> str:
        """Return the page of the record's thread."""
        context = {self.name: record, "entries": thread_of(record), **self.frame(record, "history"), **more}
        return render_template(f"{request.blueprint}/history.html", **context)

    def _save(self, key: str, record: Any, typed: Typed) -> Any:
        meaning = self.meaning(typed)
        if meaning.errors:
            raise Invalid(meaning.errors)
        return self.store(key, record, meaning, typed.version)
