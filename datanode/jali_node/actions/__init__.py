"""What a node does: one verb a file, called by routes and commands alike."""
