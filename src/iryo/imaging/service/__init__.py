"""The use cases of the imaging room, one file per group. Doors call these and nothing else."""
