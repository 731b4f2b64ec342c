"""What the gateway does: hand a request to its owner, share a batch out, answer as one what several services keep."""
