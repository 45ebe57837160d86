"""What requests and jobs share: the life that a wish leads until it is decided."""
