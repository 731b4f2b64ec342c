"""Tests of the fhir layer."""
