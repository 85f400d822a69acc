"""Files read in blocks, checked column by column, staged for set-based SQL."""
