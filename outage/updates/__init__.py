"""What is owed to be told while an incident is open."""
