"""What people see in a terminal: answers as tables."""
