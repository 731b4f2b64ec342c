"""Scalars: names and values of parameters and headers, from the nearly right to the absurd."""

from hypothesis import strategies as st

ODD = [
    "", " ", ",", "|", "||", "|||", "\\", "\\,", "$", "$$", ":", ".", "..", "-", "--", "+", "*", "%", "%25", "'", '"',
    "\0",
    "\n", "\r\n", "\t", "\u00e9", "e\u0301", "\u202e", "\ufeff", "\U0001d4b3", "\ufffe", "null", "true", "NaN",
    "a" * 5000, "," * 400,
    "|".join("abc"), "a\\|b", "x" * 257, "\u0130", "\u00df", "); DROP TABLE resources;--", "{}", "[]", "%s", "%(x)s",
    "{0}",
]  # fmt: skip
DATES = [
    "2026", "2026-02", "2026-02-30", "2026-03-01", "2026-03-01T10:00", "2026-03-01T10:00:00Z",
    "2026-03-01T10:00:00.123456789Z",
    "0000", "0001-01-01", "9999-12-31", "9999-12-31T23:59:60Z", "2026-03-01T24:00:00Z", "2026-03-01T10:00:00+99:99",
    "2026-03-01T10:00:00-14:00", "2026-03-01T10:00:00 02:00", "ge2026", "lt0001", "sa9999", "apx", "ap2026",
    "ne2026-01", "99999",
]  # fmt: skip
NUMBERS = [
    "0", "-0", "1", "1.0", "1e2", "1e400", "-1e400", "1e-400", "9" * 400, "0." + "0" * 400 + "1", "gt5", "ap0", "1_0",
    "0x1",
    "+1", ".5", "5.", "1e", "NaN", "Infinity", "5|http://unitsofmeasure.org|mg", "5||mg", "5|s|", "ap5.4|http://x|kg",
    "٣",
    "2147483648", "9223372036854775808", "1e308", "1e309", "-1",
]  # fmt: skip
TOKENS = [
    "male",
    "http://loinc.org|8302-2",
    "|x",
    "http://loinc.org|",
    "a|b|c",
    "urn:x|y",
    "true",
    "system|a,b",
    "\\|",
    "s|" + "c" * 3000,
]
REFERENCES = [
    "Patient/1", "1", "Patient/", "/1", "Nothing/1", "http://x/fhir/Patient/1", "Patient/1/_history/1", "#c",
    "urn:uuid:x",
    "Patient?identifier=1", "../Patient/1", "Patient/" + "a" * 100, "http://[", "http://x/Patient/1|2",
]  # fmt: skip
CONTROLS = [
    "_id", "_lastUpdated", "_profile", "_tag", "_security", "_source", "_text", "_content", "_list", "_type",
    "_filter", "_query",
    "_count", "_sort", "_summary", "_elements", "_total", "_contained", "_containedType", "_include", "_revinclude",
    "_include:iterate", "_revinclude:iterate", "_has:Observation:patient:code",
    "_has:Patient:link:_has:Observation:patient:code",
    "_has", "_has:", "_has:X:y:z", "_cursor", "_since", "_at", "_format", "_pretty", "_explain", "mode", "near",
    "_has::::",
]  # fmt: skip
CONTROL_VALUES = [
    "0", "1", "1000", "-1", "99999999999999999999", "count", "true", "text", "data", "false", "accurate", "none",
    "estimate",
    "_id", "-_id", "-_lastUpdated", "code,-date", "name", ",", "*", "Observation:subject",
    "Observation:subject:Patient", "*:*",
    "Patient:*", "Observation:nothing", "Patient,Observation", "Nothing", "json", "application/fhir+xml", "html",
    "both", "container",
]  # fmt: skip
MODIFIERS = [
    "exact", "contains", "missing", "not", "text", "in", "not-in", "of-type", "above", "below", "identifier",
    "iterate", "Patient",
    "Nothing", "", ":", "code-text", "Patient.name", "Patient.organization.name",
]  # fmt: skip

scalars = st.sampled_from([*ODD, *DATES, *NUMBERS, *TOKENS, *REFERENCES, *CONTROL_VALUES])
texts = st.one_of(scalars, st.text(max_size=30), st.lists(scalars, min_size=2, max_size=4).map(",".join))
"""Values of parameters; no lone surrogates, which UTF-8 cannot say."""

header_texts = st.text(st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f"), max_size=40)
HEADERS = {
    "Prefer": [
        "return=minimal", "return=representation", "return=OperationOutcome", "handling=strict", "handling=lenient",
        "respond-async",
        "return=everything", "return", "=", ";;,,", 'return="minimal"', "handling=lenient, return=minimal", "wait=10",
    ],
    "If-Match": ['W/"1"', 'W/"99999999999999999999"', '"1"', "1", "*", "W/", '""', 'W/"1", W/"2"', 'W/"-1"', 'W/"a"'],
    "If-None-Match": ['W/"1"', "*", "x", '"', 'W/"1", W/"2"'],
    "If-Modified-Since": [
        "Wed, 25 Nov 2026 10:00:00 GMT", "yesterday", "0", "Wed, 99 Nov 2026 99:00:00 GMT",
        "Mon, 01 Jan 0001 00:00:00 +2400",
        "Fri, 31 Dec 9999 23:59:59 -2300",
    ],
    "If-None-Exist": [
        "identifier=s|1", "?identifier=s|1", "Patient?identifier=s|1", "_id=1", "", "&", "=", "_count=1",
        "name:exact=x", "%ff",
        "nothing=1", "identifier=%00", "http://x/Patient?identifier=1", "_has:Observation:patient:code=1",
        "organization.name=x",
    ],
    "Accept": [
        "application/fhir+json", "application/json", "*/*", "text/html", "application/fhir+xml", "", ";",
        "application/fhir+json;q=0",
        "application/fhir+json; fhirVersion=3.0", "*/*;q=x", "," * 50,
    ],
    "Accept-Encoding": ["gzip", "gzip;q=0", "br", "*", ""],
    "Content-Type": [
        "application/fhir+json", "application/json", "application/json-patch+json", "application/fhir+xml",
        "text/plain", "", ";",
        "application/fhir+json; charset=utf-16", "application/x-www-form-urlencoded", "multipart/form-data",
        "application/fhir+json;",
        "application/merge-patch+json", "application/fhir+json; fhirVersion=4.0",
    ],
    "Content-Encoding": ["gzip", "identity", "br", "gzip, gzip", ""],
    "X-Request-Id": ["1", "a" * 3000, "\xe9", "a b"],
    "traceparent": ["00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "x", "00-0-0-0"],
    "X-HTTP-Method-Override": ["DELETE"],
    "Expect": ["100-continue"],
}  # fmt: skip


@st.composite
def headers(draw, *, sound: bool = False):
    """A few headers; with ``sound`` only those that do not keep a body from being read."""
    left_out = ("Content-Type", "Content-Encoding", "Accept", "Expect") if sound else ()
    names = draw(st.lists(st.sampled_from([name for name in HEADERS if name not in left_out]), max_size=4, unique=True))
    found = [(name, draw(st.one_of(st.sampled_from(HEADERS[name]), header_texts)).strip()) for name in names]
    return [*found, ("Content-Type", "application/fhir+json")] if sound else found
