"""FHIR search without a store: the parameters of R4, what they find in a resource, and the grammar of a query."""
