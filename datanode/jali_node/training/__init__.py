"""Models that arrive as data: checked, and interpreted with layers of the node's own. Needs `jali[train]`."""
