"""Random resources, valid as R4 has it, with every data type that search looks at."""

from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from drawn import IDS
from drawn.pools import (
    CODES,
    INSTANTS,
    NUMBERS,
    PERCENT,
    PLACES,
    PROFILES,
    TIMES,
    URLS,
    address,
    boolean,
    coding,
    concept,
    contact,
    date,
    filled,
    human_name,
    identifier,
    instant,
    integer,
    made,
    part_concept,
    periods,
    quantity,
    ranges,
    reference,
    some,
    text,
    time,
)  # fmt: skip

GENDERS = ("male", "female", "other")
STATUSES = {
    "Observation": ("final", "preliminary", "amended"),
    "RiskAssessment": ("final", "preliminary"),
    "Encounter": ("finished", "planned"),
    "MedicationRequest": ("active", "completed"),
    "DiagnosticReport": ("final", "partial"),
    "List": ("current", "retired"),
    "ValueSet": ("draft", "active"),
    "Location": ("active", "suspended"),
    "DocumentReference": ("current", "superseded"),
    "Device": ("active", "inactive"),
}
INTENTS = ("order", "plan")
RELATIONS = ("replaces", "appends")
MODES = ("working", "snapshot")

meta = filled(
    profile=st.lists(st.sampled_from(PROFILES), min_size=1, max_size=2, unique=True),
    tag=some(coding),
    security=some(coding, 1),
    source=st.sampled_from(URLS),
)


def _status(type):
    return st.sampled_from(STATUSES[type])


def _either(**choices):
    """Draw an object with exactly one of these properties: a choice element."""
    return st.one_of(*(strategy.map(lambda value, name=name: {name: value}) for name, strategy in choices.items()))


timing = made(event=some(st.sampled_from(INSTANTS)), repeat=made({"boundsPeriod": periods()})).filter(bool)
effective = _either(effectiveDateTime=time, effectivePeriod=periods(), effectiveInstant=instant, effectiveTiming=timing)
result = _either(
    valueQuantity=quantity, valueCodeableConcept=concept, valueString=text, valueDateTime=time, valuePeriod=periods()
)
component = st.builds(
    lambda code, value: {"code": code, **value},
    part_concept,
    _either(valueQuantity=quantity, valueCodeableConcept=concept),
)
use_context = st.builds(
    lambda code, value: {"code": code, **value},
    coding,
    _either(valueCodeableConcept=concept, valueQuantity=quantity, valueRange=ranges()),
)
minutes = st.sampled_from(NUMBERS).map(
    lambda value: {"value": value, "unit": "min", "system": "http://unitsofmeasure.org", "code": "min"}
)
years = st.sampled_from([value for value in NUMBERS if value > 0]).map(
    lambda value: {"value": value, "unit": "a", "system": "http://unitsofmeasure.org", "code": "a"}
)

reference_sequence = st.builds(
    lambda sequence, window: {**sequence, **window},
    made({"genomeBuild": st.just("GRCh 37"), "chromosome": concept}) | made({"referenceSeqId": concept}),
    made({"windowStart": integer, "windowEnd": integer}),
)


def _with(base, *choices):
    """Draw ``base`` with any of some choice elements beside its own properties."""
    nothing = st.just({})
    return st.builds(lambda one, *others: {**one, **{k: v for held in others for k, v in held.items()}}, base,
                     *(nothing | choice for choice in choices))  # fmt: skip


RESOURCES = {
    "Patient": _with(
        made(
            identifier=some(identifier), active=boolean, name=some(human_name), telecom=some(contact),
            gender=st.sampled_from(GENDERS), birthDate=date, address=some(address),
            generalPractitioner=some(reference("Practitioner", "Organization")),
            managingOrganization=reference("Organization"),
            link=some(made({"other": reference("Patient", "RelatedPerson"), "type": st.just("seealso")}), 1),
            communication=some(made({"language": concept})),
        ),
        _either(deceasedBoolean=boolean, deceasedDateTime=time),
    ),
    "Practitioner": made(identifier=some(identifier), name=some(human_name), gender=st.sampled_from(GENDERS)),
    "Organization": made(
        {"name": text}, alias=some(text), identifier=some(identifier), type=some(concept), address=some(address),
        partOf=reference("Organization"),
    ),
    "RelatedPerson": made({"patient": reference("Patient")}, name=some(human_name)),
    "Device": made(status=_status("Device"), patient=reference("Patient"), type=concept),
    "Location": made(
        status=_status("Location"), name=text, alias=some(text), partOf=reference("Location"),
        managingOrganization=reference("Organization"),
        position=st.sampled_from(PLACES).map(lambda at: {"latitude": at[0], "longitude": at[1]}),
    ),
    "Encounter": made(
        {"status": _status("Encounter"), "class": coding}, subject=reference("Patient"), type=some(concept),
        period=periods(), length=minutes, partOf=reference("Encounter"),
        participant=some(made({"individual": reference("Practitioner", "RelatedPerson")})),
        location=some(made({"location": reference("Location")}, period=periods(open_start=True))),
        reasonReference=some(reference("Condition", "Observation")), serviceProvider=reference("Organization"),
    ),
    "Condition": _with(
        made(
            {"subject": reference("Patient")}, code=concept, recordedDate=time, severity=concept,
            encounter=reference("Encounter"), asserter=reference("Practitioner", "Patient"),
        ),
        _either(onsetDateTime=time, onsetPeriod=periods(), onsetAge=years, onsetString=text),
    ),
    "Observation": _with(
        made(
            {"status": _status("Observation"), "code": concept}, subject=reference("Patient", "Device", "Location"),
            category=some(concept), encounter=reference("Encounter"), component=some(component),
            performer=some(reference("Practitioner", "Organization", "Patient")), identifier=some(identifier),
            derivedFrom=some(reference("Observation", "DocumentReference")), device=reference("Device"),
        ),
        effective,
        result,
    ),
    "MedicationRequest": _with(
        made(
            {
                "status": _status("MedicationRequest"), "intent": st.sampled_from(INTENTS),
                "subject": reference("Patient"), "medicationCodeableConcept": concept,
            },
            authoredOn=time, requester=reference("Practitioner", "Organization", "Device"),
            encounter=reference("Encounter"),
            dosageInstruction=some(made({"timing": made({"event": some(st.sampled_from(TIMES))})})),
        ),
    ),
    "DiagnosticReport": _with(
        made(
            {"status": _status("DiagnosticReport"), "code": concept}, subject=reference("Patient"), issued=instant,
            result=some(reference("Observation")), encounter=reference("Encounter"), category=some(concept),
        ),
        _either(effectiveDateTime=time, effectivePeriod=periods()),
    ),
    "Provenance": _with(
        made(
            {
                "target": some(reference("Patient", "Observation", "Encounter", "DiagnosticReport")),
                "recorded": instant,
                "agent": some(made({"who": reference("Practitioner", "Patient", "Device")}, type=concept)),
            },
            location=reference("Location"),
        ),
        _either(occurredDateTime=time, occurredPeriod=periods()),
    ),
    "List": made(
        {"status": _status("List"), "mode": st.sampled_from(MODES)}, title=text, date=time, code=concept,
        subject=reference("Patient"),
        entry=some(made({"item": reference("Patient", "Observation", "Condition", "Organization")}), 3),
    ),
    "RiskAssessment": made(
        {"status": _status("RiskAssessment"), "subject": reference("Patient")},
        prediction=some(
            _either(
                probabilityDecimal=st.sampled_from([number for number in NUMBERS if number <= 100]),
                probabilityRange=ranges(PERCENT),
            )
        ),
    ),
    "ValueSet": made(
        {"status": _status("ValueSet")}, url=st.sampled_from(URLS), name=text, version=st.sampled_from(CODES),
        useContext=some(use_context),
    ),
    "MolecularSequence": made(
        {"coordinateSystem": st.just(0)}, patient=reference("Patient"), referenceSeq=reference_sequence,
        variant=some(filled(start=integer, end=integer)),
    ),
    "DocumentReference": made(
        {"status": _status("DocumentReference"), "content": st.just([{"attachment": {"title": "x"}}])},
        subject=reference("Patient"), type=concept, author=some(reference("Practitioner", "Patient")),
        relatesTo=some(made({"code": st.sampled_from(RELATIONS), "target": reference("DocumentReference")})),
    ),
}  # fmt: skip


def _containing(refer, *types):
    """Draw one contained resource of any of the types, and what ``refer`` makes of a reference to it."""
    one = st.one_of(
        *(RESOURCES[type].map(lambda held, type=type: {"resourceType": type, "id": "x", **held}) for type in types)
    )
    return one.map(lambda held: {"contained": [held], **refer({"reference": "#x"})})


RESOURCES["Condition"] = _with(
    RESOURCES["Condition"], _containing(lambda to: {"asserter": to}, "Practitioner", "Patient")
)
RESOURCES["Observation"] = _with(RESOURCES["Observation"], _containing(lambda to: {"hasMember": [to]}, "Observation"))


class Drawn(list):
    """Some resources; a failure shows those that matter, not all of them."""

    def __repr__(self):
        return f"<{len(self)} resources>"


@st.composite
def drawn_resources(draw, types=tuple(RESOURCES)):
    """Draw some resources of each of ``types``, each type with other ids or none."""
    found = Drawn()
    for type, strategy in RESOURCES.items():
        for id in IDS if type in types else ():
            if draw(st.integers(0, 3)):
                held = draw(meta) if draw(st.integers(0, 2)) == 0 else None
                body = {"resourceType": type, "id": id, **draw(strategy)}
                found.append({**body, "meta": held} if held else body)
    return found


@dataclass
class Step:
    """What is deleted at one moment, by type and id, and what is put then."""

    gone: list[tuple[str, str]]
    put: list[dict[str, Any]]

    def __repr__(self):
        return f"<{len(self.gone)} gone, {len(self.put)} put>"


@st.composite
def changes(draw, types):
    """Draw a few steps in which resources of ``types`` are put, and some of any type deleted."""
    gone = st.lists(st.tuples(st.sampled_from((*types, *RESOURCES)), st.sampled_from(IDS)), max_size=4, unique=True)
    put = draw(drawn_resources(types))
    return [Step(draw(gone), put[number::3]) for number in range(3)]
