"""The tables of scheduling, beside its resources: who is occupied when, the rules, and who asked."""
