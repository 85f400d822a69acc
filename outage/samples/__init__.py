"""Sample input for demonstrations: a synthetic operator, and public data turned into the importers' form."""
