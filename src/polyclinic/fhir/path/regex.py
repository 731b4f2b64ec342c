"""Regular expressions whose cost is bounded by what they are given.

Python's engine backtracks and cannot be stopped. So the length of the text is limited by how much the pattern
can backtrack: n characters under k repetitions may take n^k / k! steps, and more than 50 million (some seconds) are
not risked. Repetitions of what can be read in many ways, such as ``(a+)+``, take 2^n and get short texts only.
"""

import re
from functools import lru_cache

from polyclinic.fhir.path.errors import PathError

LONGEST_PATTERN = 1_000
_LONGEST_TEXT = (100_000, 100_000, 10_000, 669, 186, 90, 57, 42, 34)
"""Characters of a text, by the number of repetitions in the pattern."""
_LONGEST_FOR_AMBIGUOUS = 20
_MOST_OPTIONAL = 16
_FEW_TIMES = 9
"""A repetition up to so often is no open one."""

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
    pieces = [(found.lastgroup or "", found.group()) for found in _PIECE.finditer(pattern)]
    repetitions = sum(map(_is_open, pieces))
    optional = sum(piece == ("repeat", "?") for piece in pieces)
    if _is_ambiguous(pieces) or repetitions >= len(_LONGEST_TEXT) or optional > _MOST_OPTIONAL:
        return _LONGEST_FOR_AMBIGUOUS
    return _LONGEST_TEXT[repetitions]


_Piece = tuple[str, str]


def _is_ambiguous(pieces: list[_Piece]) -> bool:
    """Whether a group is repeated whose repetitions could be cut from a text in many ways."""
    opened: list[int] = []
    for place, (kind, _) in enumerate(pieces):
        if kind == "open":
            opened.append(place)
        elif kind == "close" and opened:
            start = opened.pop()
            repeated = place + 1 < len(pieces) and _is_repeated(pieces[place + 1])
            if repeated and not _is_told_apart(pieces[start + 1 : place]):
                return True
    return False


def _is_repeated(piece: _Piece) -> bool:
    return piece[0] == "repeat" and piece[1] != "?" and piece[1] not in ("{0}", "{1}", "{0,1}")


def _is_open(piece: _Piece) -> bool:
    """Whether a piece repeats more than a few times, not always the same number of times."""
    kind, text = piece
    if kind != "repeat" or text == "?":
        return False
    least, comma, most = text.strip("{}").partition(",")
    return text in "*+" or (bool(comma) and (not most or int(most) > _FEW_TIMES) and least != most)


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
