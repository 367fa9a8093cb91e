"""The Linux kernel as a debugger sees it: what a system call does to the memory of the program that makes it."""
