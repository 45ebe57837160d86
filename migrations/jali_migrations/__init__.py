"""The node's schema, step by step. Shipped in the wheel, so that an installed node migrates itself."""
