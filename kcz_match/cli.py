"""Commands: ``flask --app app …``."""

from __future__ import annotations

import json as json_module
import sys
from pathlib import Path

import click
from flask import Flask, current_app

from kcz_match import migrating
from kcz_match.core.db import db


def init_app(app: Flask) -> None:
    """Add every command of this module to the application."""
    for command in (
        db_upgrade,
        db_revision,
        db_check,
        audit_verify,
        worker_command,
        evaluate_command,
        doctor,
        found_office_command,
        seed_demo_command,
        reindex_command,
        lifecycles_command,
        match_commands,
        prepare_command,
    ):
        app.cli.add_command(command)


@click.command("db-upgrade")
def db_upgrade() -> None:
    """Bring the database to the newest schema."""
    migrating.upgrade()
    click.echo("database is current")


@click.command("db-revision")
@click.argument("message")
def db_revision(message: str) -> None:
    """Write a migration for what changed in the models."""
    migrating.make(message)


@click.command("db-check")
def db_check() -> None:
    """Fail unless there is one migration head and the models equal the migrated database."""
    found = migrating.problems()
    for problem in found:
        click.echo(problem, err=True)
    if found:
        sys.exit(1)
    click.echo("one head; models equal migrations")


@click.command("audit-verify")
def audit_verify() -> None:
    """Walk the audit chain and name the first row that does not hold."""
    from kcz_match.core import audit

    count, broken = audit.verify()
    if broken is not None:
        click.echo(f"audit row {broken} does not hold; {count} rows before it do", err=True)
        sys.exit(1)
    click.echo(f"{count} audit rows hold")


@click.command("worker")
def worker_command() -> None:
    """Do the jobs until stopped."""
    from kcz_match import worker

    app = current_app._get_current_object()  # type: ignore[attr-defined]
    worker.run(app.app_context, float(app.config["WORKER_PAUSE"]))


@click.command("evaluate")
@click.argument("directory", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="print one JSON object")
@click.option("--split", default="test", show_default=True, help="the qrels file to measure by")
def evaluate_command(directory: Path, as_json: bool, split: str) -> None:
    """Run a BEIR-format folder through the product's own ranking and print its quality."""
    from kcz_match.matching import encoder, evaluation

    try:
        result = evaluation.evaluate(directory, encoder.load(current_app.config["ENCODER"]), split=split)
    except evaluation.BadFolder as error:
        raise click.ClickException(str(error)) from error
    click.echo(json_module.dumps(result, ensure_ascii=False) if as_json else evaluation.table(result))


@click.command("doctor")
def doctor() -> None:
    """Say what is wrong with this installation; exit 1 when something is."""
    from kcz_match import doctor as checks

    lines = checks.examine()
    for line in lines:
        click.echo(f"{'ok ' if line.is_well else 'BAD'} {line.name}: {line.finding}")
    if not all(line.is_well for line in lines):
        sys.exit(1)


@click.command("found-office")
@click.argument("full_name")
@click.option("--email", required=True)
@click.option("--name", required=True)
def found_office_command(full_name: str, email: str, name: str) -> None:
    """Set up the Office on an empty site and print the invitation of its first manager."""
    from kcz_match.accounts import service

    unit, secret = service.found_office(full_name, email=email, name=name)
    db.session.commit()
    click.echo(f"{unit.full_name}: invitation /invitations/{secret}")


@click.command("seed-demo")
@click.option("--if-empty", is_flag=True, help="do nothing when there is an organisation already")
def seed_demo_command(if_empty: bool) -> None:
    """Load the demo data by calling the services."""
    from scripts import seed_demo

    if not seed_demo.is_empty():
        if if_empty:
            return
        raise click.ClickException("the database is not empty; demo data is loaded into an empty one only")
    db.session.rollback()
    seed_demo.seed(click.echo)


@click.command("prepare")
@click.option("--demo/--no-demo", default=True, help="load the demo data when the database is empty")
def prepare_command(demo: bool) -> None:
    """Make the site ready to start: newest schema, demo data in an empty database, index of what was loaded."""
    from scripts import seed_demo

    migrating.upgrade()
    if demo and seed_demo.is_empty():
        db.session.rollback()
        click.echo("loading the demo data …")
        seed_demo.seed(click.echo)
        click.echo("making the demo data searchable …")
        _reindex()
        seed_demo.decide_matches(click.echo)


@click.command("reindex")
def reindex_command() -> None:
    """Make every vector and word row equal its record, then build a new index generation; can be interrupted."""
    _reindex()


def _reindex() -> None:
    from kcz_match.matching import reindex

    for progress in reindex.steps():
        db.session.commit()
        click.echo(progress.sentence())


@click.group("match")
def match_commands() -> None:
    """Look at stored lists of matches."""


@match_commands.command("replay")
@click.argument("list_id", type=int)
def replay_command(list_id: int) -> None:
    """Make a stored list again and print it; exit 1 when its own evidence does not give its order."""
    from kcz_match.brokerage import replay
    from kcz_match.core.errors import NotFound

    try:
        again = replay.replay(list_id)
    except NotFound as error:
        raise click.ClickException(f"there is no stored list {list_id}") from error
    for line in again.lines():
        click.echo(line)
    if not again.is_sound:
        sys.exit(1)


@match_commands.command("lists")
@click.option("--record", "key", required=True, help="key of a need or a capability, as in its address")
def lists_command(key: str) -> None:
    """Print the stored lists of a record, newest first."""
    from kcz_match.brokerage import lists

    found = lists.lists_by_key(key)
    if found is None:
        raise click.ClickException(f"there is no need or capability with the key {key}")
    for one in found:
        standing = "current" if one.is_current else "past"
        click.echo(
            f"{one.id}  {one.made_at:%Y-%m-%d %H:%M} UTC  {standing}  {len(one.entries)} answers  "
            f"encoder {one.encoder}  generation {one.generation}"
        )
    click.echo(f"{len(found)} stored lists")


@match_commands.command("quality")
@click.argument("directory", type=click.Path(path_type=Path))
@click.option("--split", default="test", show_default=True, help="which file of qrels/ holds the grades")
def quality_command(directory: Path, split: str) -> None:
    """Measure the ranking on a labelled folder, as evaluate does, and keep the figures for the Office's page."""
    from kcz_match.brokerage import quality
    from kcz_match.matching import encoder, evaluation

    try:
        run = quality.measure(directory, encoder.load(current_app.config["ENCODER"]), split)
    except evaluation.BadFolder as error:
        raise click.ClickException(str(error)) from error
    db.session.commit()
    click.echo(evaluation.table(run.figures))
    click.echo(f"kept as {run.name}; see /admin/matching")


@click.command("lifecycles")
def lifecycles_command() -> None:
    """Print docs/lifecycles.md from the tables."""
    from kcz_match.reports import lifecycles

    click.echo(lifecycles.page(), nl=False)
