/* The physical limit of recording by single steps: a loop of PTRACE_SINGLESTEP and waitpid that does nothing else.
   bare_loop CPU PROGRAM: prints the number of instructions and the seconds; CPU < 0 leaves both processes unpinned. */

#define _GNU_SOURCE
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec * 1e-9;
}

int main(int argc, char **argv)
{
    cpu_set_t cpus;
    long steps = 0;
    int status, cpu;
    pid_t child;
    double start;

    if (argc != 3)
        return 2;
    cpu = atoi(argv[1]);
    CPU_ZERO(&cpus);
    if (cpu >= 0) {
        CPU_SET(cpu, &cpus);
        sched_setaffinity(0, sizeof cpus, &cpus);
    }
    child = fork();
    if (child == 0) {
        ptrace(PTRACE_TRACEME, 0, 0, 0);
        execl(argv[2], argv[2], (char *) NULL);
        _exit(127);
    }
    waitpid(child, &status, 0);
    start = now();
    while (WIFSTOPPED(status)) {
        steps++;
        ptrace(PTRACE_SINGLESTEP, child, 0, 0);
        waitpid(child, &status, 0);
    }
    printf("%ld %.6f\n", steps, now() - start);
    return 0;
}
