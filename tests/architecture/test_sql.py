"""Every SQL statement is a literal that PostgreSQL accepts against the migrated schema.

Collects the first argument of every driver call and PREPAREs it: a misspelt column or a missing
argument fails here, without running the query.
"""

import ast
import re
from importlib import import_module
from pathlib import Path

import asyncpg
import pytest

from paywright.db.pool import Database

SOURCE = Path(__file__).parents[2] / "src"
CALLS = {"execute", "fetch", "fetchrow", "fetchval"}
# Only these talk to the database in their own words.
HOMES = re.compile(r"(store|views|\w+_store)\.py")
# Not stores: the driver of the queue passes the library's statements on; `queue` enqueues with
# the library's own statement; `db` is the driver's keeper; a probe asks `select 1`.
EXEMPT = ("paywright/db/", "paywright/jobs/driver.py", "paywright/jobs/queue.py")


def _calls() -> list[tuple[str, Path, ast.Call]]:
    found = []
    for path in sorted(SOURCE.rglob("*.py")):
        where = path.relative_to(SOURCE).as_posix()
        if where.startswith(EXEMPT):
            continue
        found += [
            (f"{where}:{node.lineno}", path, node)
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.Call) and getattr(node.func, "attr", None) in CALLS
        ]
    return found


SQL = [call for call in _calls() if call[2].args]


def test_there_is_something_to_check() -> None:
    assert len(SQL) > 40


@pytest.mark.parametrize(("where", "path", "call"), SQL, ids=[where for where, _, _ in SQL])
def test_sql_is_a_literal_in_a_store(where: str, path: Path, call: ast.Call) -> None:
    first = call.args[0]
    if not isinstance(first, ast.Constant):
        owner = ast.unparse(call.func.value) if isinstance(call.func, ast.Attribute) else ""
        assert owner not in ("tx", "connection"), f"{where}: SQL must be a literal"
        return
    if first.value == "select 1":
        return
    assert HOMES.fullmatch(path.name), f"{where}: SQL belongs into a store"


async def test_postgresql_accepts_every_statement(db: Database) -> None:
    async with db.pool.acquire() as connection:
        for where, _, call in SQL:
            first = call.args[0]
            if not isinstance(first, ast.Constant) or not isinstance(first.value, str):
                continue
            if first.value.lstrip().lower().startswith("set "):
                continue
            try:
                statement = await connection.prepare(first.value)
            except asyncpg.PostgresError as error:
                pytest.fail(f"{where}: {error}")
            if not any(isinstance(argument, ast.Starred) for argument in call.args):
                assert len(statement.get_parameters()) == len(call.args) - 1, where


def _copies() -> list[tuple[str, Path, ast.Call]]:
    """Where rows are written by COPY: the table and its columns are named, not in SQL."""
    return [
        (f"{path.relative_to(SOURCE)}:{node.lineno}", path, node)
        for path in sorted(SOURCE.rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and getattr(node.func, "id", None) == "copy_rows"
    ]


@pytest.mark.parametrize(("where", "path", "call"), _copies(), ids=[it[0] for it in _copies()])
async def test_a_copy_names_a_table_of_its_slice_and_columns_that_it_has(
    where: str, path: Path, call: ast.Call, db: Database
) -> None:
    assert HOMES.fullmatch(path.name), where
    table, columns = call.args[1], call.args[2]
    assert isinstance(table, ast.Constant)
    assert isinstance(columns, ast.Name)
    module = _module_of(path)
    assert table.value in _owned(import_module(module).__doc__ or ""), where
    named = getattr(import_module(f"{module}.{path.stem}"), columns.id)
    async with db.pool.acquire() as connection:
        await connection.prepare(f"select {', '.join(named)} from {table.value}")


def _module_of(path: Path) -> str:
    """The package of a file: a slice, or a part of one with tables of its own."""
    return ".".join(path.relative_to(SOURCE).parent.parts)


STORES = sorted(path for path in SOURCE.glob("paywright/*/**/*.py") if HOMES.fullmatch(path.name))
_TABLES = re.compile(r"\b(?:from|join|into|update)\s+([a-z_]+)\b(?!\s*\()")


@pytest.mark.parametrize("store", STORES, ids=lambda path: f"{path.parent.name}/{path.name}")
async def test_a_store_touches_only_its_own_tables(store: Path, db: Database) -> None:
    async with db.pool.acquire() as connection:
        rows = await connection.fetch(
            "select relname from pg_class where relkind in ('r', 'p') and relnamespace = "
            "'public'::regnamespace"
        )
    tables = {row["relname"] for row in rows}
    owned = _owned(import_module(_module_of(store)).__doc__ or "")
    touched = set()
    for node in ast.walk(ast.parse(store.read_text())):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            touched |= set(_TABLES.findall(node.value)) & tables
    assert touched <= owned, f"{store.parent.name} does not own {touched - owned}"


def _owned(doc: str) -> set[str]:
    match = re.search(r"^Owns +(.*?)(?=^\w)", doc, re.M | re.S)
    return set(re.findall(r"\w+", match[1])) if match else set()
