"""Events: what services tell each other of their changes, over NATS JetStream. docs/decisions/0019."""
