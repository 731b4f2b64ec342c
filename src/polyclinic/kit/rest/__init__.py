"""FHIR REST over one repository: what a service's owned types answer.

Source: https://hl7.org/fhir/R4/http.html
"""
