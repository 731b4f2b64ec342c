"""What GET metadata tells, turned into requests."""
