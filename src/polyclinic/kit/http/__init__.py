"""HTTP as FHIR uses it: statuses, negotiation, bodies. The only place that knows what status a refusal becomes."""
