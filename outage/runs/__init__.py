"""Impact runs: gathered, measured, written, compared; which one holds."""
