"""How a code job's function is called and its output written: the same for its author's try-out and in the sandbox.

The node imports this package in the sandbox alone, and nothing else of the SDK but the wire and the estimates.
"""
