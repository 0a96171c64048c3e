"""Partners' own APIs on this machine, built from their published contracts: one file each."""
