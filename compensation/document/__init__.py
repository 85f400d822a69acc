"""A policy as a document: read, checked, shown and edited as YAML."""
