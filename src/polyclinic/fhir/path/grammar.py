"""Reading a FHIRPath: text in, syntax tree (``polyclinic.fhir.path.tree``) out.

Source: http://hl7.org/fhirpath/N1/grammar.html. Keywords may be names after a point, as R4's own invariants
need (``text.div``). Length, nesting and depth are bounded, so that no expression can exhaust the stack.
"""

import re
from collections.abc import Callable
from decimal import Decimal
from typing import NamedTuple

from polyclinic.fhir.path import tree
from polyclinic.fhir.path.errors import PathError
from polyclinic.fhir.path.quantity import CALENDAR_WORDS, Quantity
from polyclinic.fhir.path.temporal import read_date, read_date_time, read_time
from polyclinic.fhir.path.tree import Expression
from polyclinic.fhir.path.values import Value

LONGEST = 20_000
"""Characters of an expression."""
DEEPEST = 100
"""Levels of a tree, and of parentheses; R4's own deepest has 34."""
LARGEST_INTEGER = 2**31 - 1

_TOKEN = re.compile(
    r"""(?P<space>\s+|//[^\n]*|/\*.*?\*/)
    |(?P<date>@\d{4}(?:-\d\d(?:-\d\d)?)?(?:T(?:\d\d(?::\d\d(?::\d\d(?:\.\d+)?)?)?(?:Z|[+-]\d\d:\d\d)?)?)?)
    |(?P<time>@T\d\d(?::\d\d(?::\d\d(?:\.\d+)?)?)?)
    |(?P<number>\d+(?:\.\d+)?)
    |(?P<string>'(?:[^'\\]|\\.)*')
    |(?P<quoted>`(?:[^`\\]|\\.)*`)
    |(?P<word>[A-Za-z_][A-Za-z0-9_]*)
    |(?P<variable>%(?:[A-Za-z_][A-Za-z0-9_-]*|'(?:[^'\\]|\\.)*'|`(?:[^`\\]|\\.)*`))
    |(?P<special>\$(?:this|index|total)\b)
    |(?P<sign><=|>=|!=|!~|[-+*/&|<>=~.,()\[\]{}])""",
    re.VERBOSE | re.DOTALL | re.ASCII,
)
_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|.)", re.DOTALL)
_ESCAPED = {"n": "\n", "r": "\r", "t": "\t", "f": "\f"}

_BINDS = {  # how strongly an operator of two operands binds
    "implies": 1, "or": 2, "xor": 2, "and": 3, "in": 4, "contains": 4, "=": 5, "~": 5, "!=": 5, "!~": 5,
    "<": 6, ">": 6, "<=": 6, ">=": 6, "|": 7, "is": 8, "as": 8, "+": 9, "-": 9, "&": 9,
    "*": 10, "/": 10, "div": 10, "mod": 10,
}  # fmt: skip
_SIGN_BINDS = 11


class _Token(NamedTuple):
    kind: str
    text: str
    at: int


def parse(expression: str) -> Expression:
    """Return the syntax tree of ``expression``.

    Raises: ``PathError`` (fault "syntax") with the position of what cannot be read.
    """
    if len(expression) > LONGEST:
        raise PathError(f"longer than {LONGEST} characters", position=LONGEST, fault="syntax")
    return _Parser(_tokens(expression)).whole()


def _tokens(expression: str) -> list[_Token]:
    tokens: list[_Token] = []
    at = 0
    while at < len(expression):
        found = _TOKEN.match(expression, at)
        if found is None or (expression.startswith("/*", at) and found.lastgroup != "space"):
            raise PathError(f"{_excerpt(expression[at:])} does not belong here", position=at, fault="syntax")
        if found.lastgroup != "space":
            tokens.append(_Token(str(found.lastgroup), found.group(), at))
        at = found.end()
    tokens.append(_Token("end", "", at))
    return tokens


def _excerpt(text: str) -> str:
    return repr(text[:12])


def _unescape(quoted: str) -> str:
    inside = quoted[1:-1]
    if "\\" not in inside:
        return inside
    return _ESCAPE.sub(lambda found: _escaped(found.group(1)), inside)


def _escaped(code: str) -> str:
    return chr(int(code[1:], 16)) if len(code) == 5 else _ESCAPED.get(code, code)


class _Parser:
    """One walk over the tokens of one expression, by precedence climbing."""

    def __init__(self, tokens: list[_Token]) -> None:
        self.tokens = tokens
        self.place = 0
        self.nesting = 0

    @property
    def next(self) -> _Token:
        return self.tokens[self.place]

    def take(self) -> _Token:
        token = self.tokens[self.place]
        self.place += 1
        return token

    def accept(self, sign: str) -> bool:
        token = self.next
        if token.kind == "sign" and token.text == sign:
            self.place += 1
            return True
        return False

    def expect(self, sign: str) -> None:
        if not self.accept(sign):
            raise self.unexpected(f"a '{sign}'")

    def unexpected(self, wanted: str) -> PathError:
        token = self.next
        met = "the end" if token.kind == "end" else _excerpt(token.text)
        return PathError(f"{wanted} is needed, not {met}", position=token.at, fault="syntax")

    def whole(self) -> Expression:
        expression = self.expression()
        if self.next.kind != "end":
            raise self.unexpected("an operator or the end")
        _refuse_depth(expression)
        return expression

    def expression(self, binds: int = 0) -> Expression:
        """Read operands and operators as long as these bind stronger than ``binds``."""
        self.nesting += 1
        if self.nesting > DEEPEST:
            raise PathError(f"nested deeper than {DEEPEST}", position=self.next.at, fault="syntax")
        left = self.signed()
        while (strength := self.strength()) > binds:
            left = self.operation(left, strength)
        self.nesting -= 1
        return left

    def strength(self) -> int:
        token = self.next
        return _BINDS.get(token.text, 0) if token.kind in ("sign", "word") else 0

    def operation(self, left: Expression, strength: int) -> Expression:
        token = self.take()
        if token.text == "is" or token.text == "as":
            return tree.TypeOperation(left, "is" if token.text == "is" else "as", self.type_name(), token.at)
        return tree.Binary(token.text, left, self.expression(strength), token.at)

    def signed(self) -> Expression:
        token = self.next
        if token.kind == "sign" and token.text in ("+", "-"):
            self.take()
            return tree.Sign(token.text, self.expression(_SIGN_BINDS), token.at)
        return self.path()

    def path(self) -> Expression:
        """Read a term and the members, calls and indexes that hang on it."""
        left = self.term()
        while True:
            at = self.next.at
            if self.accept("."):
                left = self.step(left)
            elif self.accept("["):
                left = tree.Indexer(left, self.expression(), at)
                self.expect("]")
            else:
                return left

    def term(self) -> Expression:
        token = self.next
        if token.kind in ("word", "quoted"):
            return self.word()
        if token.kind in _LITERALS or token.kind == "number":
            return tree.Literal(self.literal(), token.at)
        if token.kind == "special":
            return _SPECIAL[self.take().text](token.at)
        if token.kind == "variable":
            text = self.take().text[1:]
            return tree.Variable(_unescape(text) if text[0] in "'`" else text, token.at)
        if self.accept("("):
            inside = self.expression()
            self.expect(")")
            return inside
        if self.accept("{"):
            self.expect("}")
            return tree.Empty(token.at)
        raise self.unexpected("a value or a path")

    def word(self) -> Expression:
        token = self.next
        if token.text in ("true", "false"):
            return tree.Literal(self.take().text == "true", token.at)
        if token.kind == "word" and token.text in _BINDS and token.text not in ("as", "is", "in", "contains"):
            raise self.unexpected("a value or a path")
        return self.step(None)

    def literal(self) -> Value:
        token = self.take()
        if token.kind == "number":
            return self.number(token)
        value = _LITERALS[token.kind](token.text)
        if value is None:
            raise PathError(f"{token.text} is not in the calendar", position=token.at, fault="syntax")
        return value

    def number(self, token: _Token) -> Value:
        unit = self.next
        if unit.kind == "string":
            self.take()
            return Quantity(Decimal(token.text), _unescape(unit.text))
        if unit.kind == "word" and unit.text in CALENDAR_WORDS:
            self.take()
            return Quantity(Decimal(token.text), unit.text)
        if "." in token.text:
            return Decimal(token.text)
        number = int(token.text)
        if number > LARGEST_INTEGER:
            raise PathError(f"an Integer ends at {LARGEST_INTEGER}", position=token.at, fault="syntax")
        return number

    def step(self, source: Expression | None) -> Expression:
        """Read one name, and its arguments if it is a function."""
        token = self.next
        if token.kind == "special":
            return _SPECIAL[self.take().text](token.at)
        name = self.name()
        if not self.accept("("):
            return tree.Member(source, name, token.at)
        if name in ("is", "as", "ofType"):
            operand = tree.This(token.at) if source is None else source
            operation = tree.TypeOperation(operand, name, self.type_name(), token.at)  # type: ignore[arg-type]
            self.expect(")")
            return operation
        return tree.Call(source, name, self.arguments(), token.at)

    def arguments(self) -> tuple[Expression, ...]:
        if self.accept(")"):
            return ()
        arguments = [self.expression()]
        while self.accept(","):
            arguments.append(self.expression())
        self.expect(")")
        return tuple(arguments)

    def name(self) -> str:
        token = self.next
        if token.kind not in ("word", "quoted"):
            raise self.unexpected("a name")
        self.take()
        return token.text if token.kind == "word" else _unescape(token.text)

    def type_name(self) -> str:
        name = self.name()
        while self.accept("."):
            name += "." + self.name()
        return name


def _refuse_depth(expression: Expression) -> None:
    """Refuse trees that would make whoever walks them recurse too deeply (``a.b.c…`` nests to the left)."""
    level: list[Expression] = [expression]
    for _ in range(DEEPEST):
        level = [child for node in level for child in tree.children(node)]
        if not level:
            return
    raise PathError(f"more than {DEEPEST} steps one inside another", position=level[0].at, fault="syntax")


def _read_date(text: str) -> Value | None:
    return read_date_time(text[1:]) if "T" in text else read_date(text[1:])


def _read_time(text: str) -> Value | None:
    return read_time(text[1:])


_LITERALS: dict[str, Callable[[str], Value | None]] = {
    "string": _unescape,
    "date": _read_date,
    "time": _read_time,
}
_SPECIAL: dict[str, Callable[[int], Expression]] = {
    "$this": tree.This,
    "$index": tree.Index,
    "$total": tree.Total,
}
