"""Projects: what they stand on, how long, and who belongs to them."""
