"""Regular expressions whose cost is bounded by what they are given.

Python's engine backtracks and cannot be stopped. So the length of the text is limited by how much the pattern
can backtrack: long for patterns that read every character once, short for those that repeat a repetition
whose parts cannot be told apart, such as ``(a+)+``.
"""

import re
from functools import lru_cache

from polyclinic.fhir.path.errors import PathError

LONGEST_PATTERN = 1_000
LONGEST_TEXT = 100_000
"""Characters of a text for patterns with at most one open repetition."""
_TEXT_BY_REPETITIONS = {0: LONGEST_TEXT, 1: LONGEST_TEXT, 2: 10_000, 3: 1_000}
_LONGEST_FOR_MANY = 400
_LONGEST_FOR_AMBIGUOUS = 24

_PIECE = re.compile(
    r"""(?P<set>\[\^?\]?(?:\\.|[^\]\\])*\])|(?P<escape>\\.)|(?P<open>\((?:\?(?::|P<\w+>|[=!]|<[=!]))?)|(?P<close>\))
    |(?P<repeat>[*+?]|\{\d*,?\d*\})|(?P<or>\|)|(?P<plain>.)""",
    re.VERBOSE | re.DOTALL,
)


def search(text: str, pattern: str) -> bool:
    """Whether ``pattern`` matches somewhere in ``text``; a point matches line ends too."""
    return _compiled(text, pattern).search(text) is not None


def match_whole(text: str, pattern: str) -> bool:
    """Whether ``pattern`` matches all of ``text``."""
    return _compiled(text, pattern).fullmatch(text) is not None


def replace(text: str, pattern: str, substitution: str) -> str:
    """Return ``text`` with all matches replaced; ``$1`` or ``${name}`` stand for groups.

    Raises: ``PathError`` for a group that the pattern does not have.
    """
    template = re.sub(r"\\?\$(?:(\d)|\{(\w+)\})", lambda found: f"\\g<{found[1] or found[2]}>", substitution)
    if template == substitution:
        return _compiled(text, pattern).sub(lambda _: substitution, text)
    try:
        return _compiled(text, pattern).sub(template, text)
    except (re.error, IndexError) as error:
        raise PathError("the substitution names a group that the pattern lacks") from error


def _compiled(text: str, pattern: str) -> re.Pattern[str]:
    compiled, longest = _prepared(pattern)
    if len(text) > longest:
        raise PathError(f"the regular expression is only tried on texts of up to {longest} characters")
    return compiled


@lru_cache(maxsize=1024)
def _prepared(pattern: str) -> tuple[re.Pattern[str], int]:
    if len(pattern) > LONGEST_PATTERN:
        raise PathError(f"a regular expression may have {LONGEST_PATTERN} characters")
    try:
        return re.compile(pattern, re.DOTALL), longest_text(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        raise PathError("the regular expression cannot be read") from error


def longest_text(pattern: str) -> int:
    """Return how many characters a text may have for ``pattern`` to be tried on it."""
    repetitions, ambiguous = _survey([(found.lastgroup or "", found.group()) for found in _PIECE.finditer(pattern)])
    if ambiguous:
        return _LONGEST_FOR_AMBIGUOUS
    return _TEXT_BY_REPETITIONS.get(repetitions, _LONGEST_FOR_MANY)


_Piece = tuple[str, str]


def _survey(pieces: list[_Piece]) -> tuple[int, bool]:
    """Return the number of open repetitions, and whether a repeated group could be read in many ways."""
    opened: list[int] = []
    repetitions, ambiguous = 0, False
    for place, (kind, text) in enumerate(pieces):
        if kind == "open":
            opened.append(place)
        elif kind == "close" and opened:
            start = opened.pop()
            if place + 1 < len(pieces) and _is_open(pieces[place + 1]):
                ambiguous = ambiguous or not _is_told_apart(pieces[start + 1 : place])
        elif _is_open((kind, text)):
            repetitions += 1
    return repetitions, ambiguous


def _is_open(piece: _Piece) -> bool:
    """Whether a piece repeats without a bound, or with one too far to help."""
    kind, text = piece
    if kind != "repeat" or text == "?":
        return False
    most = text.strip("{}").rpartition(",")[2]
    return text in "*+" or not most or int(most) > 300


def _is_told_apart(body: list[_Piece]) -> bool:
    """Whether each repetition of ``body`` begins with a character that nothing repeated inside can read.

    Then the text can be cut into repetitions in one way only, as in ``(\\.[a-z]+)*``.
    """
    repeated = [place for place, (kind, _) in enumerate(body) if kind == "repeat"]
    if not repeated and not any(kind == "or" for kind, _ in body):
        return True
    if any(kind == "or" for kind, _ in body) or not body or body[0][0] not in ("escape", "plain"):
        return False
    first = body[0][1][-1]
    if (body[0][0] == "escape" and first.isalnum()) or body[0][1] in ".^$" or 1 in repeated:
        return False
    return not any(_reads(piece, first) for place in repeated for piece in _repeated(body, place))


def _repeated(body: list[_Piece], place: int) -> list[_Piece]:
    """Return what the repetition at ``place`` may repeat: the piece before it, or all before a group's end."""
    return body[1:place] if body[place - 1][0] == "close" else [body[place - 1]]


def _reads(piece: _Piece, character: str) -> bool:
    kind, text = piece
    return kind in ("set", "escape", "plain") and re.fullmatch(text, character, re.DOTALL) is not None
