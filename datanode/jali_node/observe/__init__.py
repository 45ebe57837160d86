"""What a node's operator sees: logs, metrics, whether it is well. Never a value, a name, a question or a body."""
