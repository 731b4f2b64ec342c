"""The definition tables agree with R4 and with themselves."""

import pytest

from polyclinic.fhir import definitions
from polyclinic.fhir.definitions import EVERY_TYPE, RESOURCE_TYPES
from polyclinic.fhir.path import check


def every_element():
    return [(name, element) for name in sorted(EVERY_TYPE) for element in definitions.structure(name).elements]


def every_parameter():
    return [
        (name, parameter)
        for name in sorted(RESOURCE_TYPES)
        for parameter in definitions.search_parameters(name).values()
    ]


def test_resource_types_are_those_of_r4():
    assert len(RESOURCE_TYPES) == 146
    assert {"Patient", "Bundle", "Parameters", "SubstanceSourceMaterial"} <= RESOURCE_TYPES
    assert not {"Resource", "DomainResource", "MetadataResource", "SubscriptionStatus"} & RESOURCE_TYPES


def test_what_other_packages_add_to_r4_is_absent():
    assert "url" not in definitions.elements("Binary")
    assert "bodySite" not in definitions.elements("DeviceDefinition")
    assert "accounts" not in definitions.elements("Meta")
    assert "associatedParty" not in definitions.elements("ResearchStudy")
    assert "status" not in definitions.search_parameters("DetectedIssue")


@pytest.mark.parametrize(("name", "kind"), [("Patient", "resource"), ("HumanName", "complex"), ("code", "primitive")])
def test_structure_tells_its_kind(name, kind):
    assert definitions.structure(name).kind == kind


def test_structure_of_a_backbone_goes_by_its_path():
    contact = definitions.structure("Patient.contact")
    assert (contact.kind, contact.base) == ("backbone", "BackboneElement")
    assert definitions.elements("Patient.contact")["relationship"].is_list


def test_structure_refuses_a_name_that_r4_does_not_have():
    with pytest.raises(KeyError):
        definitions.structure("Pet")
    assert definitions.find_structure("Pet") is None


def test_elements_include_inherited_ones():
    assert list(definitions.elements("Patient"))[:5] == ["id", "meta", "implicitRules", "language", "text"]
    assert definitions.elements("Age")["value"].types == ("decimal",)


def test_elements_know_cardinality_targets_and_bindings():
    subject = definitions.elements("Observation")["subject"]
    assert subject.targets == ("Patient", "Group", "Device", "Location")
    status = definitions.elements("Observation")["status"]
    assert (status.min, status.max) == (1, 1)
    assert "entered-in-error" in definitions.value_set(status.binding).codes["http://hl7.org/fhir/observation-status"]


def test_ids_of_resources_are_ids_and_those_of_elements_strings():
    assert definitions.elements("Patient")["id"].types == ("id",)
    assert definitions.elements("HumanName")["id"].types == ("string",)
    assert definitions.elements("Extension")["url"].types == ("uri",)


def test_content_references_lead_to_the_backbone_they_repeat():
    assert definitions.elements("Questionnaire.item")["item"].types == ("Questionnaire.item",)
    assert definitions.elements("Observation.component")["referenceRange"].types == ("Observation.referenceRange",)


def test_properties_name_the_type_of_a_choice():
    found = definitions.properties("Observation")["valueQuantity"]
    assert (found.element.name, found.type) == ("value", "Quantity")
    assert "value" not in definitions.properties("Observation")
    assert len([key for key in definitions.properties("Extension") if key.startswith("value")]) == 50


def test_is_subtype_follows_the_bases():
    assert definitions.ancestors("Age") == ("Age", "Quantity", "Element")
    assert definitions.is_subtype("Age", "Quantity")
    assert definitions.is_subtype("Patient", "DomainResource")
    assert not definitions.is_subtype("Quantity", "Age")
    assert not definitions.is_subtype("Pet", "Animal")


def test_every_type_target_and_binding_of_an_element_exists():
    for name, element in every_element():
        assert set(element.types) <= EVERY_TYPE, (name, element)
        assert set(element.targets) <= RESOURCE_TYPES, (name, element)
        if element.binding:
            found = definitions.value_set(element.binding)
            assert found.codes or found.syntax or element.binding == "http://loinc.org/vs/LL379-9"


def test_only_value_sets_of_other_standards_are_not_enumerated():
    bindings = {element.binding for _, element in every_element()} - {""}
    described = {url.rpartition("/")[2] for url in bindings if not definitions.value_set(url).codes}
    assert described == {"mimetypes", "all-languages", "currencies", "ucum-units", "LL379-9"}


def test_search_parameters_are_as_many_as_r4_has():
    own = {parameter.url for _, parameter in every_parameter()}
    assert len(own) == 1375
    inherited = {"_content", "_id", "_lastUpdated", "_profile", "_query", "_security", "_source", "_tag", "_text"}
    assert len(definitions.search_parameters("Patient").keys() - inherited) == 23
    assert inherited <= definitions.search_parameters("Patient").keys()


def test_shared_search_parameters_are_restricted_to_their_type():
    assert definitions.search_parameters("Condition")["code"].expression == "Condition.code"
    allergy = definitions.search_parameters("AllergyIntolerance")["code"].expression
    assert allergy == "AllergyIntolerance.code | AllergyIntolerance.reaction.substance"
    assert definitions.search_parameters("Patient")["family"].expression == "Patient.name.family"


def test_search_parameters_lead_to_types_that_exist():
    for name, parameter in every_parameter():
        assert set(parameter.targets) <= RESOURCE_TYPES, (name, parameter)
        if parameter.code not in ("_text", "_content", "_query"):
            assert parameter.expression, (name, parameter)


def test_search_expressions_and_invariants_are_fhirpath_on_their_type():
    for name, parameter in every_parameter():
        if parameter.expression:
            check(parameter.expression, name)
    for name in sorted(EVERY_TYPE):
        for rule in definitions.structure(name).invariants:
            # R4 has copied this warning to a type that has no name
            if rule.key != "cid-0":
                check(rule.expression, name)


def test_composites_are_made_of_parameters_of_the_same_type():
    composites = [found for found in every_parameter() if found[1].type == "composite"]
    assert composites
    for name, parameter in composites:
        codes = {component.code for component in parameter.components}
        assert codes <= definitions.search_parameters(name).keys(), (name, parameter)


def test_compartments_name_parameters_that_exist():
    for name in ("Patient", "Encounter", "RelatedPerson", "Practitioner", "Device"):
        for member, codes in definitions.compartment(name).items():
            known = definitions.search_parameters(member).keys() | {"{def}"}
            assert set(codes) <= known, (name, member)


def test_compartment_of_patient_places_observations_and_not_medications():
    assert definitions.compartment("Patient")["Observation"] == ("subject", "performer")
    assert "Medication" not in definitions.compartment("Patient")
    assert definitions.compartment("Encounter")["Encounter"] == ("{def}",)


def test_invariants_are_kept_where_they_are_declared():
    keys = {rule.key for rule in definitions.structure("Observation").invariants}
    assert keys == {"obs-6", "obs-7"}
    assert [rule.key for rule in definitions.structure("Element").invariants] == ["ele-1"]
    telecom = definitions.elements("Organization")["telecom"]
    assert [rule.key for rule in telecom.invariants] == ["org-3"]
