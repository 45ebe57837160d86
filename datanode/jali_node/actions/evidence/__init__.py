"""The evidence of a project, for an auditor to read and to verify without the node."""
