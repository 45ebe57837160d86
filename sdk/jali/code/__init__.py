"""Code jobs, from their author's side: a function is tried on mock rows here, read by a person there, and run once."""
