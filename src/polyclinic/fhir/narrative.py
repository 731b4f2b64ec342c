"""Which XHTML a narrative may have: formatting, links, images and tables, nothing active.

Source: https://hl7.org/fhir/R4/narrative.html#xhtml and invariants txt-1 and txt-2 there; elements and
attributes are those of HTML 4.0 chapters 7 to 11 (without 9.4, ins and del) and 15, links and images.
"""

from xml.parsers import expat

from polyclinic.fhir.outcome import Issue

XHTML = "http://www.w3.org/1999/xhtml"

_ELEMENTS = """
abbr acronym address b bdo big blockquote br caption center cite code col colgroup dd dfn dir div dl dt em
font h1 h2 h3 h4 h5 h6 hr i kbd li menu ol p pre q s samp small span strike strong sub sup table tbody td tfoot
th thead tr tt u ul var basefont
a img map area
"""
_ATTRIBUTES = """
title style class id lang dir accesskey tabindex xml:lang
align valign char charoff width height border cellspacing cellpadding frame rules summary abbr axis headers
scope rowspan colspan span nowrap bgcolor cite start value compact clear color size face noshade
name href charset type hreflang rel rev shape coords nohref
src alt longdesc usemap ismap hspace vspace
"""
ELEMENTS = frozenset(_ELEMENTS.split())
ATTRIBUTES = frozenset(_ATTRIBUTES.split())
XML = "http://www.w3.org/XML/1998/namespace"
ACTIVE = ("javascript:", "vbscript:", "data:text/html")


class _Refused(Exception):
    pass


class _Reader:
    """Reads one narrative and remembers every rule it breaks, once."""

    def __init__(self) -> None:
        self.problems: dict[str, None] = {}
        self.has_content = False
        self.is_inside = False

    def read(self, text: str) -> None:
        parser = expat.ParserCreate(namespace_separator=" ")
        parser.StartElementHandler = self.start
        parser.CharacterDataHandler = self.characters
        parser.StartDoctypeDeclHandler = self.refuse_doctype
        parser.ProcessingInstructionHandler = self.instruction
        parser.Parse(text, True)

    def start(self, name: str, attributes: dict[str, str]) -> None:
        space, _, local = name.rpartition(" ")
        if not self.is_inside and (space, local) != (XHTML, "div"):
            self.add(f'must be one <div xmlns="{XHTML}">')
        elif space != XHTML or local not in ELEMENTS:
            self.add(f"may not contain the element <{local}>")
        self.is_inside = True
        self.has_content |= local == "img"
        for attribute, value in attributes.items():
            self.attribute(attribute.replace(XML + " ", "xml:"), value)

    def attribute(self, name: str, value: str) -> None:
        if name not in ATTRIBUTES:
            self.add(f"may not contain the attribute {name}")
        elif name in ("href", "src", "cite", "longdesc") and "".join(value.split()).lower().startswith(ACTIVE):
            self.add(f"may not have active content in the attribute {name}")

    def characters(self, text: str) -> None:
        self.has_content = self.has_content or not text.isspace()

    def instruction(self, target: str, text: str) -> None:
        self.add("may not contain processing instructions")

    def refuse_doctype(self, *declaration: object) -> None:
        raise _Refused("may not have a document type; write characters instead of named entities")

    def add(self, problem: str) -> None:
        self.problems[problem] = None


def check_narrative(text: str) -> list[Issue]:
    """Return an issue for every rule that the XHTML of one narrative breaks, each once."""
    reader = _Reader()
    try:
        reader.read(text)
    except expat.ExpatError as error:
        reason = f"{expat.ErrorString(error.code)}, line {error.lineno} column {error.offset}"
        return [Issue("structure", f"must be well-formed XHTML: {reason}")]
    except _Refused as refused:
        return [Issue("invariant", f"txt-1: {refused}")]
    issues = [Issue("invariant", f"txt-1: {problem}") for problem in reader.problems]
    if not reader.has_content:
        issues.append(Issue("invariant", "txt-2: the narrative must have some content"))
    return issues
