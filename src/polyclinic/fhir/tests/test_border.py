"""What a search asks of resources that another service keeps: refused by name, or followed as far as it stays here."""

import pytest

from polyclinic.fhir.search.clauses import types_asked
from polyclinic.fhir.search.meaning.asked import Elsewhere
from polyclinic.fhir.search.query import parse
from polyclinic.fhir.search.vocabulary import R4, Vocabulary

DIARY = Vocabulary(kept=frozenset({"Appointment", "HealthcareService", "Schedule", "Slot"}))
RECORDS = Vocabulary(kept=R4.kept - DIARY.kept)


@pytest.mark.parametrize(
    ("vocabulary", "type", "name", "value", "named"),
    [
        (DIARY, "Appointment", "patient.name", "x", "Patient"),
        (DIARY, "Appointment", "actor.name", "x", "Location, Patient, Practitioner"),
        (DIARY, "Appointment", "slot.schedule.actor:Patient.gender", "male", "Patient"),
        (DIARY, "Appointment", "_has:Encounter:appointment:status", "planned", "Encounter"),
        (DIARY, "Slot", "_has:Appointment:slot:patient.name", "x", "Patient"),
        (DIARY, "Slot", "_list", "1", "List"),
        (DIARY, "Appointment", "_include", "Appointment:patient", "Patient"),
        (DIARY, "Appointment", "_include", "Appointment:actor:Location", "Location"),
        (DIARY, "Appointment", "_include:iterate", "Patient:organization", "Patient"),
        (DIARY, "Appointment", "_revinclude", "Encounter:appointment", "Encounter"),
        (DIARY, "Appointment", "_revinclude", "Provenance:*", "Provenance"),
        (RECORDS, "Encounter", "appointment.status", "booked", "Appointment"),
        (RECORDS, "Patient", "_has:Appointment:patient:status", "booked", "Appointment"),
        (RECORDS, "Encounter", "_include", "Encounter:appointment", "Appointment"),
        (RECORDS, "Patient", "_revinclude:iterate", "Appointment:patient", "Appointment"),
    ],
)
def test_what_leads_elsewhere_is_refused_by_name_or_left_out_aloud(vocabulary, type, name, value, named):
    with pytest.raises(Elsewhere) as refused:
        parse(type, [(name, value)], vocabulary=vocabulary)
    (issue,) = refused.value.issues
    assert (issue.code, issue.expression) == ("not-supported", name)
    assert all(each in issue.diagnostics for each in named.split(", "))
    assert parse(type, [(name, value)], vocabulary=vocabulary, lenient=True).ignored == (name,)
    parse(type, [(name, value)])


@pytest.mark.parametrize(
    ("vocabulary", "type", "name", "value", "beyond"),
    [
        (DIARY, "Appointment", "_include", "Appointment:slot", None),
        (DIARY, "Slot", "_revinclude", "Appointment:slot", None),
        (DIARY, "Slot", "_include:iterate", "Schedule:actor:HealthcareService", None),
        (DIARY, "Appointment", "_include", "Appointment:actor", "Patient"),
        (DIARY, "Appointment", "_include", "Appointment:*", "ServiceRequest"),
        (DIARY, "Appointment", "_include", "*", "Condition"),
        (RECORDS, "Provenance", "_include", "Provenance:target", "Appointment"),
        (RECORDS, "Observation", "_include", "Observation:patient", None),
        (R4, "Provenance", "_include", "*", None),
    ],
)
def test_what_stays_here_in_part_is_followed_and_tells_the_rest(vocabulary, type, name, value, beyond):
    query = parse(type, [(name, value)], vocabulary=vocabulary)
    assert query.includes
    assert [each.types for each in query.beyond if beyond not in each.types] == []
    assert bool(query.beyond) == bool(beyond)


def test_chain_asks_nothing_of_what_is_never_kept():
    asked = types_asked(parse("List", [("item._id", "1")]).clauses)
    assert asked == R4.kept - {"OperationOutcome", "Parameters"}
