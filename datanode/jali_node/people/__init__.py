"""Who is asking: tokens, and the person behind each."""
