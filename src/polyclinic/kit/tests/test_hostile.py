"""Whatever is sent, the answer is FHIR: no 5xx, and every refusal an OperationOutcome."""

from random import Random
from urllib.parse import quote

import pytest

from polyclinic.fhir.search.vocabulary import R4

VALUES = (
    *(
        "",
        "x",
        "|",
        "a|b",
        "a|b|c",
        "\\",
        "\\,",
        ",",
        "$",
        "a$b",
        "%",
        "+",
        "-",
        "#1",
        "é",
        "\U0001f600",
        "\u202e",
        "\x7f",
    ),
    *("2020", "2020-02-30", "0000", "0001-01-01", "9999-12-31", "ge2020", "apx", "le9999-12", "ne2020", "ap0001"),
    *("2020-01-01T25:00:00Z", "9999-12-31T23:59:59-12:00", "0001-01-01T00:00:00+14:00", "sa0001-01-01T00:00:00+14:00"),
    *("-1", "1e400", "1e-400", "gt1e308", "ap1e308", "NaN", "inf", "9" * 400, "5.4||mg", "5|http://u|mg"),
    *("Patient/1", "Patient/", "http://x/Patient/1", "http://", "urn:uuid:1", "a" * 3000, "true", "null"),
)
CONTROLS = (
    "_count",
    "_sort",
    "_summary",
    "_elements",
    "_total",
    "_cursor",
    "_since",
    "_format",
    "_pretty",
    "_has:x:y:z",
)
MODIFIERS = ("", "", "", ":exact", ":contains", ":missing", ":not", ":in", ":Patient", ":identifier", ".name", ":")
PIECES: tuple[object, ...] = (
    None,
    True,
    0,
    -1,
    1.5,
    "",
    "x",
    "2020",
    [],
    {},
    [[]],
    [{}],
    [None],
    {"a": 1},
    "\0",
    10**30,
)
PATIENT = {
    "resourceType": "Patient",
    "id": "p",
    "meta": {"tag": [{"system": "s", "code": "c"}]},
    "text": {"status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml">x</div>'},
    "contained": [{"resourceType": "Organization", "id": "o", "name": "n"}],
    "extension": [{"url": "http://e", "valueReference": {"reference": "#o"}}],
    "identifier": [{"system": "http://ids", "value": "1", "period": {"start": "2020"}}],
    "name": [{"family": "f", "given": ["g", None], "_given": [None, {"extension": [{"url": "u", "valueUri": "v"}]}]}],
    "birthDate": "1990-01-01",
    "deceasedDateTime": "2020-01-01T00:00:00Z",
    "contact": [{"name": {"text": "t"}}],
    "managingOrganization": {"reference": "#o"},
    "link": [{"other": {"reference": "Patient/2"}, "type": "seealso"}],
}


def is_fhir(heard):
    return heard.status < 400 or (heard.status < 500 and heard.json["resourceType"] == "OperationOutcome")


@pytest.mark.parametrize("seed", range(4))
async def test_no_query_breaks_the_service(service, seed):
    random = Random(seed)
    for _ in range(150):
        type = random.choice(("Patient", "Observation"))
        names = [*R4.of(type), *CONTROLS]
        chosen = [
            (random.choice(names) + random.choice(MODIFIERS), random.choice(VALUES))
            for _ in range(random.choice((1, 1, 2)))
        ]
        query = "&".join(f"{quote(name)}={quote(value)}" for name, value in chosen)
        path = random.choice(
            (f"/fhir/{type}", f"/fhir/{type}", f"/fhir/{type}/_history", "/fhir/_history", f"/fhir/{type}/1")
        )
        assert is_fhir(await service.get(f"{path}?{query}")), f"{path}?{query}"
        assert is_fhir(await service.delete(f"/fhir/{type}?{query}")), f"DELETE {type}?{query}"


def spoilt(value, random):
    """Return ``value`` with some of its parts lost or replaced."""
    if random.random() < 0.05:
        return random.choice(PIECES)
    if isinstance(value, dict):
        return {name: spoilt(inner, random) for name, inner in value.items() if random.random() > 0.02}
    return [spoilt(inner, random) for inner in value] if isinstance(value, list) else value


@pytest.mark.parametrize("seed", range(4))
async def test_no_body_breaks_the_service(service, seed):
    random = Random(seed)
    for _ in range(150):
        body = spoilt(PATIENT, random)
        assert is_fhir(await service.post("/fhir/Patient", body)), body
        entry = {"fullUrl": "urn:uuid:1", "resource": body, "request": {"method": "POST", "url": "Patient"}}
        entries = [spoilt(entry, random) for _ in range(2)]
        bundle = {"resourceType": "Bundle", "type": random.choice(("batch", "transaction")), "entry": entries}
        assert is_fhir(await service.post("/fhir", bundle)), bundle
