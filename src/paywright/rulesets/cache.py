"""The rule set in force, compiled once a version in each process."""

import asyncio

from paywright.core.errors import Unavailable
from paywright.db.pool import Tx
from paywright.rulesets import store
from paywright.rulesets.compile import RuleSet, compile_source
from paywright.rulesets.schema import Schemas


class NoActiveRuleSet(Unavailable):
    """No rule set is in force.

    Nothing can be decided until one is: load it with the permission `rules:manage`, then put back
    the jobs that died meanwhile.
    """


class RuleSetCache:
    """One for each rule set and process. Ask at the start of a batch, and keep the answer."""

    def __init__(self, name: str, schemas: Schemas) -> None:
        self._name = name
        self._schemas = schemas
        self._current: RuleSet | None = None

    async def current(self, tx: Tx) -> RuleSet:
        """The set in force; a new version is noticed by the one cheap query that each call makes.

        Raises NoActiveRuleSet, and RuleSetInvalid when the version in force was loaded by another
        Paywright, whose rules may ask about other things.
        """
        version = await store.find_active(tx, self._name)
        if version is None:
            raise NoActiveRuleSet(f"no version of {self._name} is in force")
        if self._current is None or self._current.version != version:
            source = await store.find_source(tx, name=self._name, version=version)
            if source is None:
                raise AssertionError("an activation without its version, despite the foreign key")
            self._current = await asyncio.to_thread(compile_source, source, self._schemas)
        return self._current
