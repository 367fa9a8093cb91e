"""The Linux kernel, as a debugger sees it: ptrace, /proc, and starting a program."""
