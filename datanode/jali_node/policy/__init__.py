"""Who may ask what. Pure: facts in, a verdict out."""
