"""What a node does for itself: be made, migrate, recover, verify."""
