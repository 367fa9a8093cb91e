/* A program that restricts its own system calls, and goes on: whoever makes it perform another is its end. */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define ALLOW(call) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call, 0, 1), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)

int sink;

static void restrict_calls(void)
{
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        ALLOW(SYS_write),
        ALLOW(SYS_brk),
        ALLOW(SYS_exit_group),
        ALLOW(SYS_munmap),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
    };
    struct sock_fprog program = { sizeof filter / sizeof *filter, filter };
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program))
        exit(3);
}

static unsigned long mix(unsigned long sum, long turns)
{
    for (long n = 0; n < turns; n++)
        sum = sum * 31 + n;
    return sum;
}

int main(int count, char **arguments)
{
    long turns = count > 1 ? atol(arguments[1]) : 1000;
    volatile char *page = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    page[1] = 42;
    restrict_calls();
    unsigned long sum = mix(1, turns);
    munmap((void *)page, 4096);
    sink = 1;
    sum = mix(sum, turns);
    char text[32];
    return write(1, text, snprintf(text, sizeof text, "%lu\n", sum)) < 0;
}
