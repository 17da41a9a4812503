"""User features: the row that Redis holds, its codec, and what the models see of it."""
