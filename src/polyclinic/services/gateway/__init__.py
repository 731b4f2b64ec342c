"""Gateway: the one FHIR endpoint, for what concerns several services: Bundles and metadata."""
