"""The node's own database: how it is opened, and the reads and writes that need no rule."""
