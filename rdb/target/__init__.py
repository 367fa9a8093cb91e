"""The target stack: where state comes from and what makes it move."""
