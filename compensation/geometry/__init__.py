"""What tables leave open or say twice, exactly: gaps, overlaps, boundaries, differences."""
