"""What an inferior's ELF and DWARF say: symbols, lines, functions, variables, types, frames and source files."""
