"""What people work on: alarms, incidents, outages, planned work, their timeline."""
