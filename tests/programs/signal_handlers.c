/* Signal handlers in every manner of sigaction(2): which one, the argument says.  Exits with 0 if all was as POSIX has it. */

#define _GNU_SOURCE
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#ifndef SS_AUTODISARM
#define SS_AUTODISARM (1U << 31)
#endif
#define CHECK(condition) do { if (!(condition)) _exit(__LINE__ % 250 + 1); } while (0)

static volatile sig_atomic_t caught, depth, deepest;
static char other_stack[1 << 16], second_stack[1 << 16];

static void set(int number, void (*handler)(int), int flags)
{
    struct sigaction action = {.sa_handler = handler, .sa_flags = flags};
    CHECK(sigaction(number, &action, NULL) == 0);
}

static void set_info(int number, void (*handler)(int, siginfo_t *, void *), int flags)
{
    struct sigaction action = {.sa_sigaction = handler, .sa_flags = flags | SA_SIGINFO};
    CHECK(sigaction(number, &action, NULL) == 0);
}

static int on(const char *stack)
{
    char here;
    return (uintptr_t)&here - (uintptr_t)stack < sizeof other_stack;
}

static void count(int number)
{
    caught = caught * 100 + number;
}

/* A handler that is interrupted by the same and by another signal. */

static void nest(int number)
{
    count(number);
    depth++;
    if (depth > deepest)
        deepest = depth;
    if (deepest < 4)
        raise(number);
    else if (number == SIGUSR1)
        raise(SIGUSR2);
    depth--;
}

static void nested(void)
{
    set(SIGUSR1, nest, SA_NODEFER);
    set(SIGUSR2, count, 0);
    raise(SIGUSR1);
    CHECK(deepest == 4 && depth == 0);
}

static void postpone(int number)
{
    int before = caught;

    if (depth++ == 0) {
        raise(number); /* stays pending until this one is over */
        CHECK(caught == before);
    }
    count(number);
}

static void deferred(void)
{
    set(SIGUSR1, postpone, 0);
    raise(SIGUSR1);
    CHECK(depth == 2 && caught == 1010);
}

static void reset(void)
{
    struct sigaction now;

    set(SIGUSR1, count, SA_RESETHAND);
    raise(SIGUSR1);
    CHECK(sigaction(SIGUSR1, NULL, &now) == 0 && now.sa_handler == SIG_DFL);
    set(SIGCHLD, count, SA_RESETHAND);
    raise(SIGCHLD);
    raise(SIGCHLD); /* ignored by default */
    set(SIGUSR2, SIG_IGN, 0);
    raise(SIGUSR2);
    raise(SIGURG);
    raise(SIGCONT);
    CHECK(caught == 1017);
}

/* Alternate stacks. */

static void on_other(int number)
{
    stack_t now, none = {.ss_flags = SS_DISABLE};

    CHECK(on(other_stack) && sigaltstack(NULL, &now) == 0 && now.ss_flags & SS_ONSTACK);
    CHECK(sigaltstack(&none, NULL) < 0);
    count(number);
    if (depth++ == 0) {
        raise(SIGUSR2); /* on the same stack */
        CHECK(on(other_stack));
    }
}

static void on_own(int number)
{
    CHECK(!on(other_stack) && !on(second_stack));
    count(number);
}

static void alternate(void)
{
    stack_t stack = {.ss_sp = other_stack, .ss_size = sizeof other_stack}, none = {.ss_flags = SS_DISABLE};

    CHECK(sigaltstack(&stack, NULL) == 0);
    set(SIGUSR1, on_other, SA_ONSTACK);
    set(SIGUSR2, on_other, SA_ONSTACK);
    set(SIGHUP, on_own, 0);
    raise(SIGUSR1);
    raise(SIGHUP);
    CHECK(sigaltstack(&none, NULL) == 0);
    set(SIGUSR2, on_own, SA_ONSTACK);
    raise(SIGUSR2);
    CHECK(caught == 10120112);
}

static void move_stack(int number)
{
    stack_t now, second = {.ss_sp = second_stack, .ss_size = sizeof second_stack, .ss_flags = SS_AUTODISARM};

    CHECK(on(other_stack) && sigaltstack(NULL, &now) == 0 && now.ss_flags & SS_DISABLE);
    CHECK(sigaltstack(&second, NULL) == 0);
    count(number);
    raise(SIGUSR2);
}

static void on_second(int number)
{
    CHECK(on(second_stack));
    count(number);
}

static void disarmed(void)
{
    stack_t stack = {.ss_sp = other_stack, .ss_size = sizeof other_stack, .ss_flags = SS_AUTODISARM}, now;

    CHECK(sigaltstack(&stack, NULL) == 0);
    set(SIGUSR1, move_stack, SA_ONSTACK);
    set(SIGUSR2, on_second, SA_ONSTACK);
    raise(SIGUSR1);
    CHECK(caught == 1012);
    if (sizeof(long) == 4)
        return; /* the kernel does not arm it again for a 32-bit program */
    CHECK(sigaltstack(NULL, &now) == 0 && now.ss_sp == other_stack);
    raise(SIGUSR1);
    CHECK(caught == 10121012);
}

static void return_elsewhere(int number, siginfo_t *info, void *context)
{
    ucontext_t *interrupted = context;

    interrupted->uc_stack.ss_sp = second_stack; /* sigreturn sets it */
    count(number);
}

static void returned(void)
{
    stack_t stack = {.ss_sp = other_stack, .ss_size = sizeof other_stack};

    CHECK(sigaltstack(&stack, NULL) == 0);
    set_info(SIGUSR1, return_elsewhere, 0);
    set(SIGUSR2, on_second, SA_ONSTACK);
    raise(SIGUSR1);
    raise(SIGUSR2);
    CHECK(caught == 1012);
}

/* A stack that has been used up: the handler has its own. */

static sigjmp_buf escape;

static void overflowed(int number, siginfo_t *info, void *context)
{
    CHECK(on(other_stack) && info->si_addr != NULL);
    count(number);
    siglongjmp(escape, 1);
}

static int overflow(int level)
{
    volatile char block[1 << 12];

    block[0] = (char)level;
    return overflow(level + 1) + block[0];
}

/* On a small stack of its own, so that little has to be recorded. */
static void *use_up(void *nothing)
{
    if (sigsetjmp(escape, 1) == 0)
        overflow(0);
    return nothing;
}

static void exhausted(void)
{
    stack_t stack = {.ss_sp = other_stack, .ss_size = sizeof other_stack};
    ucontext_t here, there;
    char *small = mmap(NULL, 1 << 17, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    CHECK(small != MAP_FAILED && mprotect(small, 1 << 16, PROT_NONE) == 0);
    CHECK(sigaltstack(&stack, NULL) == 0);
    set_info(SIGSEGV, overflowed, SA_ONSTACK);
    CHECK(getcontext(&there) == 0);
    there.uc_stack.ss_sp = small + (1 << 16);
    there.uc_stack.ss_size = 1 << 16;
    there.uc_link = &here;
    makecontext(&there, (void (*)(void))use_up, 1, NULL);
    CHECK(swapcontext(&here, &there) == 0);
    CHECK(caught == SIGSEGV);
}

/* Jumping out of handlers, and what is known of a signal. */

static void jump(int number)
{
    count(number);
    siglongjmp(escape, number);
}

static void jumps(void)
{
    sigset_t blocked;
    volatile int round;

    set(SIGUSR1, jump, 0);
    for (round = 0; round < 3; round++)
        if (sigsetjmp(escape, 1) == 0)
            raise(SIGUSR1);
    CHECK(caught == 101010);
    CHECK(sigprocmask(SIG_BLOCK, NULL, &blocked) == 0 && !sigismember(&blocked, SIGUSR1));
    if (sigsetjmp(escape, 0) == 0)
        raise(SIGUSR1);
    CHECK(sigprocmask(SIG_BLOCK, NULL, &blocked) == 0 && sigismember(&blocked, SIGUSR1));
}

static volatile siginfo_t seen;

static void look(int number, siginfo_t *info, void *context)
{
    seen = *info;
    count(number);
}

static void informed(void)
{
    union sigval value = {.sival_int = 4711};

    set_info(SIGUSR1, look, 0);
    CHECK(sigqueue(getpid(), SIGUSR1, value) == 0);
    CHECK(seen.si_signo == SIGUSR1 && seen.si_code == SI_QUEUE && seen.si_value.sival_int == 4711 && seen.si_pid == getpid());
    CHECK(kill(getpid(), SIGUSR1) == 0);
    CHECK(seen.si_code == SI_USER);
}

/* The state of the floating point unit is saved and given back, and the handler has a fresh one. */

static double scratch;

static void calculate(int number)
{
    unsigned control = 0;

    __asm__ volatile("stmxcsr %0" : "=m"(control));
    CHECK((control & 0x6000) == 0);
    scratch = 1.0 / (number + caught);
    count(number);
}

static void extended(void)
{
    unsigned control = 0x1f80 | 0x2000, after = 0;
    double kept[4] = {1.5, 2.5, 3.5, 4.5}, again[4] = {0};
    long double tenth = 0.1L, later = 0;

    set(SIGUSR1, calculate, 0);
    __asm__ volatile("ldmxcsr %0" : : "m"(control));
#ifdef __AVX__
    __asm__ volatile("fldt %2\n vmovupd %3, %%ymm7\n"
                     "call *%5\n"
                     "vmovupd %%ymm7, %1\n fstpt %0"
                     : "=m"(later), "=m"(again) : "m"(tenth), "m"(kept), "D"(SIGUSR1), "r"(raise)
                     : "memory", "cc", "xmm7", "rax", "rcx", "rdx", "rsi", "r8", "r9", "r10", "r11");
    CHECK(memcmp(kept, again, sizeof kept) == 0 && later == tenth);
#else
    raise(SIGUSR1);
    (void)kept, (void)again, (void)tenth, (void)later;
#endif
    __asm__ volatile("stmxcsr %0" : "=m"(after));
    CHECK((after & 0x6000) == 0x2000);
    CHECK(caught == SIGUSR1);
}

/* A handler for a signal that finds its stack in the red zone of a leaf function. */

static void ordinary(void)
{
    int round;

    set(SIGUSR1, count, 0);
    for (round = 0; round < 3; round++)
        CHECK(syscall(SYS_tgkill, getpid(), getpid(), SIGUSR1) == 0);
    CHECK(caught == 101010);
}

static const struct { const char *name; void (*run)(void); } ALL[] = {
    {"ordinary", ordinary}, {"nested", nested}, {"deferred", deferred}, {"reset", reset}, {"alternate", alternate},
    {"disarmed", disarmed}, {"returned", returned}, {"exhausted", exhausted}, {"jumps", jumps}, {"informed", informed},
    {"extended", extended},
};

int main(int count, char **arguments)
{
    for (size_t at = 0; at < sizeof ALL / sizeof *ALL; at++)
        if (count > 1 && strcmp(ALL[at].name, arguments[1]) == 0) {
            ALL[at].run();
            return 0;
        }
    return 255;
}
