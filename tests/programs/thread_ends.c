/* How threads end, and what the kernel does then; `argv[1]` says which way.  One line is printed, the same in every run. */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/futex.h>
#include <linux/sched.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

static pthread_mutex_t robust[3];
static pthread_barrier_t barrier;
static int ends[2];
static char heard[8];

/* Ends with locks that others wait for. */
static void *hold(void *unused)
{
    for (int i = 0; i < 3; i++)
        pthread_mutex_lock(robust + i);
    pthread_barrier_wait(&barrier);
    sched_yield();
    return unused;
}

static int robust_locks(void)
{
    pthread_mutexattr_t attributes;
    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
    pthread_mutex_init(robust, &attributes);
    pthread_mutex_init(robust + 1, &attributes);
    pthread_mutexattr_setprotocol(&attributes, PTHREAD_PRIO_INHERIT);
    pthread_mutex_init(robust + 2, &attributes);
    pthread_barrier_init(&barrier, NULL, 2);
    pthread_t thread;
    pthread_create(&thread, NULL, hold, NULL);
    pthread_barrier_wait(&barrier);
    int died = 0;
    for (int i = 0; i < 3; i++) {
        died += pthread_mutex_lock(robust + i) == EOWNERDEAD;
        pthread_mutex_consistent(robust + i);
        pthread_mutex_unlock(robust + i);
    }
    pthread_join(thread, NULL);
    printf("%d owners died\n", died);
    return 0;
}

static void *listen_to(void *unused)
{
    recv(ends[0], heard, sizeof heard, MSG_WAITALL);
    return unused;
}

static void *spin(void *unused)
{
    pthread_barrier_wait(&barrier);
    for (;;)
        ;
    return unused;
}

static void *end_all(void *unused)
{
    pthread_barrier_wait(&barrier);
    _exit(7);
    return unused;
}

/* One thread ends the process, while another spins, one is in a call, and the leader waits. */
static int group(void)
{
    pthread_t threads[3];
    pthread_barrier_init(&barrier, NULL, 2);
    pthread_create(threads, NULL, listen_to, NULL);
    pthread_create(threads + 1, NULL, spin, NULL);
    pthread_create(threads + 2, NULL, end_all, NULL);
    pthread_join(threads[0], NULL);
    return 1;
}

static void *say_half(void *unused)
{
    send(ends[1], "half", 4, 0);
    /* Without what glibc does at the end: nothing comes between the two calls. */
    syscall(SYS_exit, 0);
    return unused;
}

/* What the kernel has written for a call that goes on, when the thread that has the turn ends; another is ready to go on. */
static int halves(void)
{
    pthread_t listener, speaker;
    pthread_create(&listener, NULL, listen_to, NULL);
    sched_yield();
    pthread_create(&speaker, NULL, say_half, NULL);
    while (pthread_tryjoin_np(speaker, NULL))
        ;
    send(ends[1], "half", 4, 0);
    pthread_join(listener, NULL);
    printf("%.8s\n", heard);
    return 0;
}

#ifdef __x86_64__

static volatile int ticks, exists;
static unsigned long seen;
static char own[1 << 16] __attribute__((aligned(16))), alternate[1 << 14];

static void tick(int number)
{
    (void) number;
    ticks++;
}

/* The first thread leaves a mask, an alternate stack and a handler that has just run; the second looks at its own mask. */
static int live(void *number)
{
    sigset_t set;
    sigemptyset(&set);
    if (number) {
        syscall(SYS_rt_sigprocmask, SIG_BLOCK, NULL, &seen, 8);
        return 0;
    }
    stack_t stack = {.ss_sp = alternate, .ss_size = sizeof alternate};
    sigaltstack(&stack, NULL);
    sigaddset(&set, SIGUSR2);
    syscall(SYS_rt_sigprocmask, SIG_BLOCK, &set, NULL, 8);
    syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), SIGWINCH);
    return 0;
}

/* clone3(2), whose child calls `live` and ends. */
static long make(const struct clone_args *arguments, long number)
{
    register long argument __asm__("r12") = number;
    register int (*code)(void *) __asm__("r13") = live;
    long result;
    __asm__ volatile("syscall\n\ttest %%rax, %%rax\n\tjnz 1f\n\tmov %%r12, %%rdi\n\tcall *%%r13\n\t"
                     "xor %%edi, %%edi\n\tmov %6, %%eax\n\tsyscall\n1:"
                     : "=a"(result)
                     : "0"(SYS_clone3), "D"(arguments), "S"(sizeof *arguments), "r"(argument), "r"(code), "i"(SYS_exit)
                     : "rcx", "r11", "memory");
    return result;
}

/* The kernel gives the id of a thread that has ended to another one. */
static int again(void)
{
    struct sigaction action = {.sa_handler = tick, .sa_flags = SA_ONSTACK | SA_RESTART};
    sigaction(SIGWINCH, &action, NULL);
    pid_t id;
    struct clone_args arguments = {.flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM
                                            | CLONE_CHILD_CLEARTID,
                                   .stack = (uintptr_t) own, .stack_size = sizeof own, .child_tid = (uintptr_t) &exists};
    for (long number = 0; number < 2; number++) {
        exists = 1;
        long made = make(&arguments, number);
        if (made < 0)
            return made == -EPERM ? 77 : 3;
        while (exists)
            syscall(SYS_futex, &exists, FUTEX_WAIT, 1, NULL, NULL, 0);
        id = made;
        arguments.set_tid = (uintptr_t) &id;
        arguments.set_tid_size = 1;
    }
    printf("handled %d, blocked %lx\n", ticks, seen);
    return 0;
}

#endif

int main(int argc, char **argv)
{
    const char *how = argc > 1 ? argv[1] : "robust";
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends))
        return 1;
    if (!strcmp(how, "robust"))
        return robust_locks();
    if (!strcmp(how, "group"))
        return group();
    if (!strcmp(how, "halves"))
        return halves();
#ifdef __x86_64__
    if (!strcmp(how, "again"))
        return again();
#endif
    return 2;
}
