/* Instructions that fault and are repaired by a handler: which, the argument says.  Exits with 0 if all was as it should be. */

#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#define CHECK(condition) do { if (!(condition)) _exit(__LINE__ % 250 + 1); } while (0)
#define PAGE 4096

#ifdef __x86_64__
#define PC REG_RIP
#define COUNTER REG_RCX
#define FLAGS REG_EFL
#else
#define PC REG_EIP
#define COUNTER REG_ECX
#define FLAGS REG_EFL
#endif

static volatile sig_atomic_t faults;
static volatile sig_atomic_t code, trapped;
static char *pages;

static void set(int number, void (*handler)(int, siginfo_t *, void *))
{
    struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO};
    CHECK(sigaction(number, &action, NULL) == 0);
}

static char *map(size_t size, int protection)
{
    char *at = mmap(NULL, size, protection, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(at != MAP_FAILED);
    return at;
}

/* Memory that is made accessible when it is needed. */

static void give_access(int number, siginfo_t *info, void *context)
{
    char *page = (char *)((uintptr_t)info->si_addr & ~(uintptr_t)(PAGE - 1));

    CHECK(number == SIGSEGV && info->si_code == SEGV_ACCERR && page >= pages && page < pages + 16 * PAGE);
    CHECK(mprotect(page, PAGE, PROT_READ | PROT_WRITE) == 0);
    faults++;
}

static void protection(void)
{
    set(SIGSEGV, give_access);
    pages = map(16 * PAGE, PROT_NONE);
    pages[10] = 1;
    pages[PAGE - 4] = 2;
    *(volatile uint64_t *)(pages + 2 * PAGE - 4) = 0x1122334455667788; /* across two pages */
    CHECK(faults == 3 && pages[2 * PAGE] == 0x44);
}

/* Repeated string instructions that fault on the way: what is done stays done, and they go on where they were. */

static void strings(void)
{
    char *to, *from = map(4 * PAGE, PROT_READ | PROT_WRITE);
    size_t count = 3 * PAGE;

    set(SIGSEGV, give_access);
    pages = map(16 * PAGE, PROT_NONE);
    memset(from, 7, 4 * PAGE);
    to = pages + 100;
    __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(count) : : "memory");
    CHECK(faults == 4 && count == 0 && to == pages + 100 + 3 * PAGE && to[-1] == 7);
    to = pages + 8 * PAGE - 1;
    count = 2 * PAGE;
    __asm__ volatile("std\n rep stosb\n cld" : "+D"(to), "+c"(count) : "a"(9) : "memory", "cc");
    CHECK(faults == 6 && pages[6 * PAGE] == 9 && pages[8 * PAGE - 1] == 9 && count == 0);
    count = 5;
    to = pages + 9 * PAGE - 2;
    __asm__ volatile("rep stosb" : "+D"(to), "+c"(count) : "a"(3) : "memory", "cc");
    CHECK(faults == 8 && pages[9 * PAGE + 2] == 3);
}

/* The context is changed by the handler. */

static void correct(int number, siginfo_t *info, void *context)
{
    greg_t *registers = ((ucontext_t *)context)->uc_mcontext.gregs;

    CHECK(number == SIGFPE && info->si_code == FPE_INTDIV);
    registers[COUNTER] = 7;
    faults++;
}

static void division(void)
{
    int quotient = 100, rest = 0, by = 0;

    set(SIGFPE, correct);
    __asm__ volatile("idivl %%ecx" : "+a"(quotient), "+d"(rest), "+c"(by));
    CHECK(faults == 1 && quotient == 14 && rest == 2 && by == 7);
}

static void skip(int number, siginfo_t *info, void *context)
{
    greg_t *registers = ((ucontext_t *)context)->uc_mcontext.gregs;

    CHECK(number == SIGILL && (greg_t)(uintptr_t)info->si_addr == registers[PC]);
    registers[PC] += 2; /* ud2 */
    faults++;
}

static void illegal(void)
{
    int round;

    set(SIGILL, skip);
    for (round = 0; round < 3; round++)
        __asm__ volatile("ud2");
    CHECK(faults == 3);
}

/* Traps that the program sets for itself. */

static void trap(int number, siginfo_t *info, void *context)
{
    code = info->si_code;
    trapped++;
}

static void breakpoint(void)
{
    set(SIGTRAP, trap);
    __asm__ volatile("int3");
    CHECK(trapped == 1 && code == SI_KERNEL);
    __asm__ volatile("int $3");
    CHECK(trapped == 2);
    raise(SIGTRAP);
    CHECK(trapped == 3 && code == SI_TKILL);
}

/* A mapped file that has become shorter. */

static void lengthen(int number, siginfo_t *info, void *context)
{
    CHECK(number == SIGBUS && info->si_code == BUS_ADRERR);
    CHECK(ftruncate(code, 2 * PAGE) == 0);
    faults++;
}

static void truncated(void)
{
    char *at;

    set(SIGBUS, lengthen);
    code = memfd_create("short", 0);
    CHECK(code >= 0 && ftruncate(code, PAGE) == 0);
    at = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, code, 0);
    CHECK(at != MAP_FAILED);
    at[5] = 1;
    at[PAGE + 5] = 2;
    CHECK(faults == 1 && at[PAGE + 5] == 2);
}

/* A fault inside a handler for another. */

static void inner(int number, siginfo_t *info, void *context)
{
    int quotient = 30, rest = 0, by = 0;

    __asm__ volatile("idivl %%ecx" : "+a"(quotient), "+d"(rest), "+c"(by));
    CHECK(quotient == 4);
    give_access(number, info, context);
}

static void nested(void)
{
    set(SIGSEGV, inner);
    set(SIGFPE, correct);
    pages = map(16 * PAGE, PROT_NONE);
    pages[PAGE] = 1;
    CHECK(faults == 2);
}

/* Wide stores, and one with a mask, that fault at first. */

#ifdef __AVX512F__
#include <immintrin.h>

static void wide(void)
{
    set(SIGSEGV, give_access);
    pages = map(16 * PAGE, PROT_NONE);
    _mm512_storeu_si512(pages + PAGE - 20, _mm512_set1_epi32(5));
    CHECK(faults == 2 && pages[PAGE + 40] == 5);
    _mm512_mask_storeu_epi32(pages + 3 * PAGE - 32, 0x0ff0, _mm512_set1_epi32(6));
    CHECK(faults == 4);
    _mm512_mask_storeu_epi32(pages + 5 * PAGE - 32, 0x00ff, _mm512_set1_epi32(6));
    CHECK(faults == 5);
    _mm512_i32scatter_epi32(pages + 7 * PAGE, _mm512_set_epi32(0, 1, 2, 3, 4, 5, 6, 7, 1024, 1025, 1026, 1027, 2048, 2049,
                                                               2050, 2051), _mm512_set1_epi32(7), 4);
    CHECK(faults == 8);
}
#else
static void wide(void)
{
}
#endif

static const struct { const char *name; void (*run)(void); } ALL[] = {
    {"protection", protection}, {"strings", strings}, {"division", division}, {"illegal", illegal},
    {"breakpoint", breakpoint}, {"truncated", truncated}, {"nested", nested}, {"wide", wide},
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
