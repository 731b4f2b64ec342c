"""The questions of one combination: each way to write each value, comparators, alternatives, chains and inclusions."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from oracle import Oracle
from oracle.definitions import Parameter
from oracle.filters import known

from us_core.package import Combination, Resource, examples_of
from us_core.values import MADE, written

Pairs = tuple[tuple[str, str], ...]
SUBJECTS = 2
"""Examples of a profile whose values are asked for together."""
ALTERNATIVES = 4


@dataclass(frozen=True)
class Asker:
    """Makes the questions of one combination from what the oracle holds."""

    oracle: Oracle
    combination: Combination

    @property
    def type(self) -> str:
        return self.combination.group["resource"]

    def questions(self) -> list[Pairs]:
        """Return all questions, each once."""
        subjects = [dict(subject) for subject in dict.fromkeys(self._subjects())]
        found: dict[Pairs, None] = {}
        for subject in subjects:
            plain = tuple(subject.items())
            found |= dict.fromkeys([plain, *self._varied(plain)])
        plain = tuple(subjects[0].items())
        for extra in (*self._alternatives(plain), *self._included(plain), *self._chained()):
            found[extra] = None
        return list(found)

    def _subjects(self) -> Iterator[Pairs]:
        """Yield the values that one example has together, and where it lacks one, another's or one that is made."""
        candidates = [*examples_of(self.combination.group), *self.oracle.store.of(self.type)]
        whole = sorted(
            candidates, key=lambda one: -len([1 for name in self.combination.names if self._ways(one, name)])
        )
        for one in islice(whole or [{"resourceType": self.type, "id": "none"}], SUBJECTS):
            yield tuple((name, (self._ways(one, name) or self._others(name))[0]) for name in self.combination.names)

    def _ways(self, resource: Resource, name: str) -> list[str]:
        parameter = self._parameter(name)
        if name == "_id":
            return [resource["id"]]
        nodes = self.oracle.store.nodes(resource, parameter)
        return [way for node in nodes for way in written(node, parameter, self.oracle.store.base)]

    def _others(self, name: str) -> list[str]:
        """Return the values of any resource of the type, or a made one."""
        found = [way for one in self.oracle.store.of(self.type) for way in self._ways(one, name)[:1]]
        return list(dict.fromkeys(found)) or [MADE[self._parameter(name).type]]

    def _parameter(self, name: str) -> Parameter:
        return known(self.oracle.store, self.type, name)

    def _varied(self, plain: Pairs) -> Iterator[Pairs]:
        """Yield the question with one value written in another way, and with each comparator that is listed."""
        for name, value in plain:
            holders = [one for one in self.oracle.store.of(self.type) if value in self._ways(one, name)]
            ways = self._ways(holders[0], name) if holders else [value]
            comparators = ["", *self.combination.defined(name)["comparators"]]
            yield from (_with(plain, name, name, prefix + way) for way in ways for prefix in comparators)
            yield from (_with(plain, name, f"{name}:{modifier}", value) for modifier in self._modifiers(name))

    def _modifiers(self, name: str) -> tuple[str, ...]:
        match self._parameter(name).type:
            case "string":
                return ("exact", "contains")
            case "token" if name != "_id":
                return ("not",)
        return ()

    def _alternatives(self, plain: Pairs) -> Iterator[Pairs]:
        """Yield the question with several values of a parameter, of which any will do, and at last of all of them."""
        whole = {name: ",".join(self._others(name)[:ALTERNATIVES]) for name, _ in plain}
        yield from (_with(plain, name, name, f"{value},{whole[name]}") for name, value in plain)
        yield tuple(whole.items())

    def _included(self, plain: Pairs) -> Iterator[Pairs]:
        """Yield the question with each inclusion that the table lists."""
        group = self.combination.group
        yield from ((*plain, ("_include", value)) for value in group["include_params"])
        yield from ((*plain, ("_revinclude", value)) for value in group["revincludes"])

    def _chained(self) -> Iterator[Pairs]:
        """Yield the parameter with each chain that the table lists, for every value that its targets have."""
        for name in self.combination.names:
            for chain in self.combination.defined(name).get("chain") or ():
                for target in self._parameter(name).targets:
                    asker = Asker(self.oracle, Combination({**self.combination.group, "resource": target}, ()))
                    yield from (((f"{name}.{chain['chain']}", way),) for way in asker._others(chain["chain"]))


def _with(plain: Pairs, name: str, code: str, value: str) -> Pairs:
    return tuple((code, value) if own == name else (own, held) for own, held in plain)
