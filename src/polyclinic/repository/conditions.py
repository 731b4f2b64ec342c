"""Conditions: what is checked of one candidate, written as SQL.

A candidate is a row ``c(at, resource)`` by whatever name. Each condition is evaluated row by row: LIMIT keeps the
planner from making a join of it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from math import degrees, inf, radians
from typing import Any

from polyclinic.fhir.search.clauses import Bound, Ids, Missing, Near, SpanMatch, Spans, TextMatch, Texts, Updated, Words
from polyclinic.fhir.search.meaning.positions import EARTH_METRES
from polyclinic.fhir.search.values import fold, time_of
from polyclinic.repository.keys import key_of
from polyclinic.repository.order import VALUES, missing_value
from polyclinic.repository.plan import Check, Either, Followed, Follows, Identities, Keys, Lacks, LinkedTo, Typed

_FEW_PROBES = 16
"""Postings up to which a candidate is looked up in each; beyond, its own links are looked through."""
_MILLISECOND = timedelta(milliseconds=1)


@dataclass(slots=True)
class Statement:
    """SQL being written, with its arguments."""

    arguments: list[Any] = field(default_factory=list)
    nested: int = 0

    def add(self, value: Any) -> int:
        """Take ``value`` as an argument and return its number."""
        self.arguments.append(value)
        return len(self.arguments)

    def name(self) -> str:
        """Return a name that no other candidate of this statement has."""
        self.nested += 1
        return f"c{self.nested}"


def conditions(statement: Statement, checks: Sequence[Check], c: str = "c") -> str:
    """Return the condition that all ``checks`` hold for the candidate ``c``."""
    return " and ".join(condition(statement, check, c) for check in checks) or "true"


def condition(statement: Statement, check: Check, c: str) -> str:
    """Return the condition that ``check`` holds for the candidate ``c``."""
    match check:
        case Keys(_, keys, negated):
            return _exists(_posting(statement, keys, c), negated=negated)
        case LinkedTo():
            return _linked_to(statement, check, c)
        case Spans(_, matches):
            return _exists(_any("span", [_span(statement, match) for match in matches], c))
        case Texts(_, matches):
            return _exists(_any("text_value", [_text(statement, match) for match in matches], c))
        case Either(groups):
            return f"({' or '.join(f'({conditions(statement, group, c)})' for group in groups)})"
        case Follows():
            return _follows(statement, check, c)
        case Followed():
            return _followed(statement, check, c)
        case Near(_, path, circles):
            return f"({' or '.join(_circle(statement, path, circle, c) for circle in circles)})"
        case Lacks(table, key, descending):
            source = valued(statement, table, key, descending=descending)
            return _exists(f"{source} and f.resource = {c}.resource", negated=True)
        case Words():
            return _of_resource(_words(statement, check), c)
    return _of_resource(_resource(statement, check), c)


def _resource(statement: Statement, check: Check) -> str:
    """Return a condition on the row ``f`` of the candidate's resource."""
    match check:
        case Ids(ids, negated):
            return f"{'not ' if negated else ''}f.id = any(${statement.add(list(ids))}::text[])"
        case Updated():
            return updated(statement, check)
        case Identities(identities):
            return f"f.identity = any(${statement.add(list(identities))}::bigint[])"
        case Typed(types):
            return f"f.type = any(${statement.add(list(types))}::text[])"
        case Missing(_, paths, missing):
            keys = statement.add([key_of(path) for path in paths])
            return f"{'not ' if missing else ''}f.present && ${keys}::bigint[]"
    raise AssertionError(check)


def valued(statement: Statement, table: str, key: int, *, descending: bool) -> str:
    """Return the rows ``f`` that have a value of ``key`` in ``table`` to be sorted by."""
    name, column = VALUES[table]
    missing = missing_value(table, descending=descending)
    sign = ">" if descending else "<"
    return f"{name} f where f.key = ${statement.add(key)}::bigint and f.{column} {sign} {missing}"


def _of_resource(test: str, c: str) -> str:
    return f"(select {test} from resource f where f.key = {c}.resource)"


def _exists(found: str, *, negated: bool = False) -> str:
    return f"(select true from {found} limit 1) is {'null' if negated else 'not null'}"


def _posting(statement: Statement, keys: Sequence[int], c: str) -> str:
    wanted = statement.add(list(keys))
    return f"posting f where f.key = any(${wanted}::bigint[]) and f.at = {c}.at and f.resource = {c}.resource"


def _linked_to(statement: Statement, check: LinkedTo, c: str) -> str:
    if len(check.keys) <= _FEW_PROBES:
        return _exists(_posting(statement, check.keys, c))
    paths, targets = statement.add(list(check.paths)), statement.add(list(check.identities))
    links = "resource f cross join lateral unnest(f.link_paths, f.link_targets) as l(path, target)"
    return _exists(
        f"{links} where f.key = {c}.resource "
        f"and l.path = any(${paths}::bigint[]) and l.target = any(${targets}::bigint[])"
    )


def _follows(statement: Statement, check: Follows, c: str) -> str:
    paths, types, inner = statement.add(list(check.paths)), statement.add(list(check.types)), statement.name()
    return _exists(
        f"resource f cross join lateral unnest(f.link_paths, f.link_targets) as l(path, target) "
        f"join resource t on t.identity = l.target "
        f"cross join lateral (select t.at as at, t.key as resource offset 0) {inner} "
        f"where f.key = {c}.resource and l.path = any(${paths}::bigint[]) and t.type = any(${types}::text[]) "
        f"and t.body is not null and {conditions(statement, check.checks, inner)}"
    )


def _followed(statement: Statement, check: Followed, c: str) -> str:
    keys, inner = statement.add(list(check.keys)), statement.name()
    return _exists(
        f"resource f cross join unnest(${keys}::bigint[]) as k(key) "
        f"join posting {inner} on {inner}.key = k.key # f.identity "
        f"where f.key = {c}.resource and {conditions(statement, check.checks, inner)}"
    )


def _any(table: str, tests: list[str], c: str) -> str:
    return f"{table} f where f.resource = {c}.resource and ({' or '.join(tests)})"


def _span(statement: Statement, match: SpanMatch) -> str:
    groups = [
        " and ".join(f"f.{b.end} {b.comparison} ${statement.add(b.value)}::float8" for b in group)
        for group in match.groups
    ]
    text = f"(f.key = ${statement.add(key_of(match.path))}::bigint and ({' or '.join(f'({g})' for g in groups)})"
    if match.unit is not None:
        column = "unit_code" if match.unit.startswith("\0q\0") else "unit"
        text += f" and f.{column} = ${statement.add(key_of(match.unit))}::bigint"
    return text + ")"


def _text(statement: Statement, match: TextMatch) -> str:
    key, text = statement.add(key_of(match.path)), statement.add(match.text)
    test = {
        "begins": f"starts_with(f.value, ${text}::text)",
        "contains": f"strpos(f.value, ${text}::text) > 0",
        "is": f"f.written = ${text}::text",
    }[match.how]
    return f"(f.key = ${key}::bigint and {test})"


def text_range(statement: Statement, match: TextMatch) -> str:
    """Return the test of a row ``f`` of ``text_value``, bounded so that the index on (key, value) answers it."""
    test = _text(statement, match)
    if match.how == "begins":
        low, high = statement.add(match.text), statement.add(match.text + "\U0010ffff")
        return f"{test} and f.value >= ${low}::text and f.value < ${high}::text"
    if match.how == "is":
        return f"{test} and f.value = ${statement.add(fold(match.text))}::text"
    return test


def span_range(statement: Statement, match: SpanMatch) -> str:
    """Return the test of a row ``f`` of ``span``, bounded so that the index on (key, low, high) answers it.

    Whatever ends below a value begins below it, unless it crosses: said of every group at once, that bounds where
    reading ends.
    """
    ends = [min((b.value for b in group if _bounds_low(b, match)), default=inf) for group in match.groups]
    if max(ends) == inf:
        return _span(statement, match)
    return f"{_span(statement, match)} and f.low <= ${statement.add(max(ends))}::float8"


def _bounds_low(bound: Bound, match: SpanMatch) -> bool:
    return bound.comparison.startswith("<") and (bound.end == "low" or not match.crosses)


def updated(statement: Statement, clause: Updated) -> str:
    """Return the test of a row ``f`` of ``resource``; ``lastUpdated`` is kept to the millisecond."""
    groups = [" and ".join(_updated_bound(statement, bound) for bound in group) for group in clause.groups]
    return f"({' or '.join(f'({group})' for group in groups)})"


def _updated_bound(statement: Statement, bound: Bound) -> str:
    if bound.value in (inf, -inf):
        return "true" if (bound.value > 0) == bound.comparison.startswith("<") else "false"
    moment = time_of(bound.value) - (_MILLISECOND if bound.end == "high" else timedelta(0))
    return f"f.updated {bound.comparison} ${statement.add(moment)}::timestamptz"


def _circle(statement: Statement, path: str, circle: tuple[float, float, float], c: str) -> str:
    latitude, longitude, metres = circle
    here = [statement.add(value) for value in (radians(latitude), radians(longitude), metres)]
    keys = [statement.add(key_of(f"{path}.{name}")) for name in ("latitude", "longitude")]
    return _exists(
        f"span f join span g on g.resource = f.resource and g.key = ${keys[1]}::bigint "
        f"where f.resource = {c}.resource and f.key = ${keys[0]}::bigint and "
        f"2 * {EARTH_METRES} * asin(least(1, sqrt("
        f"sin((radians(f.low) - ${here[0]}::float8) / 2) ^ 2 + cos(radians(f.low)) * cos(${here[0]}::float8) * "
        f"sin((radians(g.low) - ${here[1]}::float8) / 2) ^ 2))) <= ${here[2]}::float8"
    )


def latitudes(circle: tuple[float, float, float]) -> tuple[float, float]:
    """Return from which to which latitude ``circle`` reaches, in degrees."""
    reach = degrees(circle[2] / EARTH_METRES)
    return circle[0] - reach, circle[0] + reach


_BEGINS = "\\m"
"""The beginning of a word, in PostgreSQL's regular expressions."""
_STRINGS = """(select string_agg(v #>> '{}', ' ') from jsonb_path_query(convert_from(f.body, 'UTF8')::jsonb,
    'strict $.** ? (@.type() == "string")') v)"""
_NARRATIVE = "regexp_replace(convert_from(f.body, 'UTF8')::jsonb #>> '{text,div}', '<[^>]*>', ' ', 'g')"


def _words(statement: Statement, check: Words) -> str:
    text = _NARRATIVE if check.where == "narrative" else _STRINGS
    groups = [
        " and ".join(f"d.text ~* ${statement.add(_BEGINS + word)}::text" for word in group) for group in check.groups
    ]
    return f"(select {' or '.join(f'({group})' for group in groups)} from (select {text} as text offset 0) d)"
