"""Where noise is made: OpenDP's exact samplers over integers, and nothing else."""
