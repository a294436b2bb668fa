"""Rules on the command line: check a file, put it in force, see what was, go back."""

import sys
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import App as Cli
from cyclopts import Parameter

from paywright.cli.console import CommandFailed, guarded, out, print_json, print_table
from paywright.cli.prepare import ensure_rules, system_cause
from paywright.cli.session import Json, with_app
from paywright.rulesets import store
from paywright.rulesets.compile import RuleSet, compile_source
from paywright.rulesets.document import parse_document
from paywright.rulesets.load import LoadedRuleSet, activate_version, load_rule_set
from paywright.rulesets.schema import Schemas
from paywright.wiring import RULE_SETS, App

cli = Cli(
    help="Check, load, show and roll back the rules that decide issues, weigh risks, and say who "
    "approves."
)

Subject = Annotated[
    Literal["issues", "risk", "approvals"],
    Parameter(name="--of", help="Which rules: of issues, of risk, or of approvals."),
]


@cli.command
def check(file: Path, *, as_json: Json = False) -> None:
    """Check a rules file, with its examples. Needs no database."""

    def command() -> RuleSet:
        source = _read(file)
        return compile_source(source, _schemas(source))

    rule_set = guarded(command)
    if as_json:
        print_json({"name": rule_set.name, "version": rule_set.version, "valid": True})
    else:
        out.print(f"{file} is valid: {rule_set.name}, version {rule_set.version}.")


@cli.command
def load(file: Path, *, as_json: Json = False) -> None:
    """Check a rules file and put it in force from the next decision on."""

    async def main(app: App) -> LoadedRuleSet:
        source = _read(file)
        return await load_rule_set(app.db, system_cause(), source=source, schemas=_schemas(source))

    loaded = with_app(main)
    if as_json:
        print_json(loaded)
    else:
        state = "is in force now" if loaded.is_activated else "was in force already"
        out.print(f"Version {loaded.version} {state}.")


@cli.command
def install(*, as_json: Json = False) -> None:
    """Put the rules in force that come with Paywright, where there are none yet."""
    installed = with_app(ensure_rules)
    if as_json:
        print_json({"installed": installed})
    else:
        out.print("They are in force now." if installed else "Nothing was missing.")


@cli.command
def show(*, of: Subject = "issues", as_json: Json = False) -> None:
    """Print the rules in force, as they were loaded."""

    async def main(app: App) -> tuple[str, str] | None:
        async with app.db.snapshot() as tx:
            return await store.active_version(tx, RULE_SETS[of][0])

    active = with_app(main)
    version, source = active or ("", "")
    if as_json:
        print_json({"version": version, "source": source})
    elif source:
        sys.stdout.write(source)  # as it is: the version is the digest of every byte
    else:
        out.print("No rules are in force.")


@cli.command
def history(*, of: Subject = "issues", as_json: Json = False) -> None:
    """Every version that was ever loaded, newest first."""

    async def main(app: App) -> list[store.StoredVersion]:
        async with app.db.snapshot() as tx:
            return await store.versions(tx, RULE_SETS[of][0])

    versions = with_app(main)
    if as_json:
        print_json(versions)
        return
    rows = [
        [v.version, "in force" if v.is_active else "", f"{v.loaded_at:%Y-%m-%d %H:%M}", v.loaded_by]
        for v in versions
    ]
    print_table("", ["Version", "", "Loaded (UTC)", "By"], rows)


@cli.command
def activate(version: str, *, of: Subject = "issues", as_json: Json = False) -> None:
    """Put a version of the past in force again."""

    async def main(app: App) -> bool:
        return await activate_version(
            app.db,
            system_cause(),
            name=RULE_SETS[of][0],
            version=version,
            schemas=RULE_SETS[of][1],
        )

    changed = with_app(main)
    if as_json:
        print_json({"version": version, "changed": changed})
    else:
        out.print(f"Version {version} {'is in force now' if changed else 'was in force already'}.")


def _schemas(source: str) -> Schemas:
    """What the rules in a file may ask about: its name says what they are about."""
    name = parse_document(source).name
    for known, schemas in RULE_SETS.values():
        if known == name:
            return schemas
    names = " or ".join(known for known, _ in RULE_SETS.values())
    raise CommandFailed(f"the name must be {names}, not {name}")


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except OSError as error:
        raise CommandFailed(f"cannot read {file}: {error.strerror}") from error
    except UnicodeDecodeError:
        raise CommandFailed(f"{file} is not a text in UTF-8") from None
