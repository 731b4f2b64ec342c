"""Through the edge: published times lead to a booking, and secret addresses stay secret."""

import json
import urllib.request

PARAMETERS = "urn:polyclinic:extension:scheduling-parameters"
MINUTES = {"system": "http://unitsofmeasure.org", "code": "min"}
DURATION = {"url": "duration", "valueDuration": {"value": 30, **MINUTES}}
ALWAYS = {"url": "availableTime", "extension": [{"url": "allDay", "valueBoolean": True}]}


def read(url, accept, **headers):
    """Return the type and the text of what is at ``url``."""
    request = urllib.request.Request(url, headers={"Accept": accept, **headers})
    with urllib.request.urlopen(request, timeout=20) as answer:
        return answer.headers["Content-Type"], answer.read().decode()


def keep(running, type, id, **elements):
    status, kept = running.ask(f"/{type}/{id}", {"resourceType": type, "id": id, **elements}, method="PUT")
    assert status in (200, 201), kept


def practise(running):
    """Make a practice that is open day and night, and known to everybody."""
    keep(running, "Location", "market", name="Clinic at the market")
    said = [
        {"url": "timezone", "valueCode": "Europe/Berlin"},
        DURATION,
        ALWAYS,
        {"url": "publish", "valueBoolean": True},
    ]
    place = [{"reference": "Location/market"}]
    extension = [{"url": PARAMETERS, "extension": said}]
    keep(running, "HealthcareService", "open", name="Check-up", location=place, extension=extension)
    offered = [{"url": "service", "valueReference": {"reference": "HealthcareService/open"}}]
    actor = [{"reference": "Practitioner/ann"}]
    keep(running, "Schedule", "ann", actor=actor, extension=[{"url": PARAMETERS, "extension": offered}])


def booked(running, appointment, patient):
    given = [
        {"name": "appointment-reference", "valueReference": {"reference": f"Appointment/{appointment['id']}"}},
        {"name": "patient-reference", "valueReference": {"reference": patient}},
    ]
    status, answer = running.ask("/Appointment/$book", {"resourceType": "Parameters", "parameter": given})
    assert status == 200, answer
    return answer["entry"][0]["resource"]


def test_published_times_lead_to_a_booking_and_a_calendar_whose_address_no_log_tells(running, until):
    practise(running)
    type, text = read(f"{running.base_url}/$bulk-publish", "application/json")
    files = json.loads(text)["output"]
    assert type == "application/json" and {each["type"] for each in files} == {"Location", "Schedule", "Slot"}
    found = {}
    for each in files:
        type, text = read(each["url"], "application/fhir+ndjson")
        assert type == "application/fhir+ndjson"
        found.setdefault(each["type"], []).extend(json.loads(line) for line in text.splitlines())
    assert [place["name"] for place in found["Location"]] == ["Clinic at the market"]
    link = found["Slot"][100]["extension"][0]["valueUrl"]
    offer = json.loads(read(link, "*/*")[1])
    patient = f"Patient/{running.create(active=True)}"
    visit = booked(running, offer, patient)
    _, feed = running.ask(f"/Appointment/$calendar-feed?patient-reference={patient}", {"resourceType": "Parameters"})
    url = feed["parameter"][1]["valueUrl"]
    type, text = read(url, "text/calendar", **{"X-Request-Id": "reads-a-calendar"})
    assert type.startswith("text/calendar") and visit["id"] in text and "Clinic at the market" in text
    token = url.partition("token=")[2]
    until(lambda: "reads-a-calendar" in running.log("edge"))  # which it writes every few seconds
    told = {path.name: path.read_text(errors="replace") for path in (running.data / "logs").iterdir()}
    assert "reads-a-calendar" in told["scheduling.log"]
    assert not [name for name, text in told.items() if token in text]
