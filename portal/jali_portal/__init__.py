"""The owner's review desk, in a browser.

It sees what the node's API shows its owners, and nothing else: no row, no database, no file of the node.
"""
