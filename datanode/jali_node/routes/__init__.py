"""One file a resource: parse, call one action, reply. No logic, and no way to a row."""
