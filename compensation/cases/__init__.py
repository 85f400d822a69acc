"""The lines of a run as cases: grouped, decided once, kept, joined back."""
