"""The owner's review desk, in a browser. Its first rooms come with the second way through the house."""
