"""Recording what a program does, and undoing it."""
