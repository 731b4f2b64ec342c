"""The judgement of scheduling: pure functions over instants, in whole seconds since 1970 UTC."""
