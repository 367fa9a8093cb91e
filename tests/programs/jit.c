/* Code that comes, changes and goes while the program runs, in every way that a program has: the cases of `cases` by name, or all
   (one more with -DLIBRARIES='"first.so", "second.so"').  Each prints its name and whether every version was executed in its turn. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

typedef unsigned char byte;
typedef long function(long, long *);

enum { PAGE = 4096, ALL = PROT_READ | PROT_WRITE | PROT_EXEC, WRITE = PROT_READ | PROT_WRITE, RUN = PROT_READ | PROT_EXEC };
static long cell;

static byte *memory(void *where, size_t size, int protection)
{
    return mmap(where, size, protection, MAP_PRIVATE | MAP_ANONYMOUS | (where ? MAP_FIXED : 0), -1, 0);
}

/* The kinds differ in what they change: a register; memory; flags and memory; a vector register.  All return n + k. */
static int assemble(byte *code, int kind, int n)
{
    static const byte store[] = {0x48, 0x89, 0x3e, 0x48, 0x8b, 0x06, 0x05};        /* mov %rdi,(%rsi); mov (%rsi),%rax; add $n,%eax */
    static const byte add[] = {0x48, 0x01, 0x3e, 0x48, 0x29, 0x3e, 0x8d, 0x87};    /* add, sub %rdi,(%rsi); lea n(%rdi),%eax */
    static const byte vector[] = {0x66, 0x48, 0x0f, 0x6e, 0xc7, 0x66, 0x48, 0x0f, 0x7e, 0xc0, 0x05};
    static const byte plain[] = {0x89, 0xf8, 0x05};                                /* mov %edi,%eax; add $n,%eax */
    static const struct { const byte *code; int size; } kinds[] = {
        {plain, sizeof plain}, {store, sizeof store}, {add, sizeof add}, {vector, sizeof vector}};
    int size = kinds[kind % 4].size;
    memcpy(code, kinds[kind % 4].code, size);
    memcpy(code + size, &n, 4);
    code[size + 4] = 0xc3;
    return size + 5;
}

static int calls(void *code, int n)
{
    int right = 1;
    for (int k = 0; k < 4; k++)
        right &= ((function *) code)(k, &cell) == n + k;
    return right;
}

static int in_place(void)
{
    byte *code = memory(0, PAGE, ALL);
    int right = 1;
    for (int n = 0; n < 40; n++) {
        assemble(code, n, n);
        right &= calls(code, n);
    }
    return right;
}

static int flipped(void)
{
    byte *code = memory(0, PAGE, WRITE);
    int right = 1;
    for (int n = 0; n < 12; n++) {
        mprotect(code, PAGE, WRITE);
        assemble(code, n, n);
        mprotect(code, PAGE, n % 3 ? RUN : PROT_EXEC);
        right &= calls(code, n);
        if (n % 4 == 3) {
            mprotect(code, PAGE, ALL);
            assemble(code, n + 1, n + 1);
            right &= calls(code, n + 1);
        }
    }
    return right;
}

/* Written through one mapping, or with write(), executed through another. */
static int two_mappings(int flags, int by_call)
{
    int file = memfd_create("code", 0), right = 1;
    byte page[64] = {0};
    ftruncate(file, PAGE);
    byte *writable = mmap(0, PAGE, WRITE, MAP_SHARED, file, 0);
    byte *code = mmap(0, PAGE, RUN, flags, file, 0);
    for (int n = 0; n < 16; n++) {
        if (by_call) {
            int size = assemble(page, n, n);
            pwrite(file, page, size, 0);
        } else
            assemble(writable, n, n);
        right &= calls(code, n);
    }
    munmap(code, PAGE);
    munmap(writable, PAGE);
    close(file);
    return right;
}

static int shared(void) { return two_mappings(MAP_SHARED, 0); }
static int private(void) { return two_mappings(MAP_PRIVATE, 0); }
static int shared_by_call(void) { return two_mappings(MAP_SHARED, 1); }
static int private_by_call(void) { return two_mappings(MAP_PRIVATE, 1); }

/* An instruction that writes over the one behind it: a byte, a vector, a string, a push, a locked exchange. */
static int next_instruction(void)
{
    static const byte bytes[] = {0x40, 0x88, 0x3d, 1, 0, 0, 0, 0xb8, 0, 0, 0, 0, 0xc3};
    /* movq %rdi,%xmm0; movq %xmm0,1(%rip); mov $0,%rax; ret */
    static const byte vector[] = {0x66, 0x48, 0x0f, 0x6e, 0xc7, 0x66, 0x0f, 0xd6, 0x05, 2, 0, 0, 0, 0x48, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0xc3};
    /* mov %edi,%eax; lea 8(%rip),%rdi; mov $1,%ecx; rep stosb; mov $0,%eax (its lowest byte was written); ret */
    static const byte string[] = {0x89, 0xf8, 0x48, 0x8d, 0x3d, 8, 0, 0, 0, 0xb9, 1, 0, 0, 0, 0xf3, 0xaa, 0xb8, 0, 0, 0, 0, 0xc3};
    /* mov %rsp,%rcx; lea 13(%rip),%rsp; push %rdi; mov %rcx,%rsp; mov $0,%rax; ret: the push ends where the constant does */
    static const byte push[] = {0x48, 0x89, 0xe1, 0x48, 0x8d, 0x25, 14, 0, 0, 0, 0x57, 0x48, 0x89, 0xcc, 0x48, 0xb8,
                                0, 0, 0, 0, 0, 0, 0, 0, 0xc3};
    /* lock xchg %edi,1(%rip); mov $0,%eax; ret */
    static const byte locked[] = {0xf0, 0x87, 0x3d, 1, 0, 0, 0, 0xb8, 0, 0, 0, 0, 0xc3};
    static const struct { const byte *code; int size; } sources[] = {
        {bytes, sizeof bytes}, {vector, sizeof vector}, {string, sizeof string}, {push, sizeof push}, {locked, sizeof locked}};
    byte *code = memory(0, PAGE, ALL);
    int right = 1;
    for (int source = 0; source < 5; source++) {
        memcpy(code, sources[source].code, sources[source].size);
        for (long n = 1; n < 20; n++)
            right &= ((function *) code)(n, &cell) == n;
    }
    return right;
}

/* A loop that makes its own increment larger each time round, by an instruction in front of it and one behind it. */
static int own_loop(void)
{
    /* xor %eax,%eax; 2: incb, and add $0,%eax, whose constant that is; decb, incb; dec %edi; jnz 2; ret */
    static const byte loop[] = {0x31, 0xc0, 0xfe, 0x05, 2, 0, 0, 0, 0x83, 0xc0, 0, 0xfe, 0x0d, 0xf9, 0xff, 0xff, 0xff,
                                0xfe, 0x05, 0xf3, 0xff, 0xff, 0xff, 0xff, 0xcf, 0x75, 0xe7, 0xc3};
    byte *code = memory(0, PAGE, ALL);
    memcpy(code, loop, sizeof loop);
    return ((function *) code)(100, &cell) == 100 * 101 / 2;
}

/* From a page that cannot be written into one that can be, in the middle of a block and of an instruction. */
static int across(void)
{
    byte *code = memory(0, 2 * PAGE, ALL);
    int right = 1;
    for (int kind = 0; kind < 4; kind++)
        for (int before = 1; before < 9; before++) {
            byte source[64];
            int size = assemble(source, kind, 0);
            mprotect(code, PAGE, ALL);
            byte *start = code + PAGE - before;
            memcpy(start, source, size);
            mprotect(code, PAGE, RUN);
            for (int n = 0; n < 3; n++) {
                for (int at = size - 5; at < size - 1; at++)
                    if (start + at >= code + PAGE)
                        start[at] = at == size - 5 ? n : 0;
                int seen = start[size - 5];
                right &= calls(start, seen);
            }
        }
    return right;
}

static sigjmp_buf back;
static byte *volatile fault_at;

static void faulted(int number, siginfo_t *info, void *context)
{
    fault_at = info->si_addr;
    siglongjmp(back, 1);
}

/* From executable memory into memory that is not: a fault at the border, with what came before it done. */
static int over_the_edge(void)
{
    static const byte code_of_two[] = {0x48, 0x89, 0x3e, 0x48, 0x83, 0x06, 0x01, 0xc3}; /* mov %rdi,(%rsi); addq $1,(%rsi); ret */
    struct sigaction action = {.sa_sigaction = faulted, .sa_flags = SA_SIGINFO}, old;
    byte *code = memory(0, 2 * PAGE, ALL), *start;
    int right = 1;
    sigaction(SIGSEGV, &action, &old);
    for (int before = 3; before < 7; before++) {
        mprotect(code, 2 * PAGE, ALL);
        start = memcpy(code + PAGE - before, code_of_two, sizeof code_of_two);
        for (int round = 0; round < 3; round++) {
            mprotect(code + PAGE, PAGE, round == 0 ? ALL : round == 1 ? WRITE : PROT_NONE);
            cell = 0;
            fault_at = 0;
            if (!sigsetjmp(back, 1))
                ((function *) start)(5, &cell);
            right &= round == 0 ? cell == 6 && !fault_at : cell == 5 && fault_at == code + PAGE;
        }
    }
    sigaction(SIGSEGV, &old, 0);
    return right;
}

/* Freed, and other code in its place: anonymous, from one file and another, moved there, thrown away. */
static int replaced(void)
{
    byte *place = memory(0, PAGE, ALL), page[PAGE] = {0};
    int right = 1, files[2];
    for (int n = 0; n < 2; n++) {
        files[n] = memfd_create("file", 0);
        assemble(page, n, n);
        write(files[n], page, PAGE);
    }
    for (int n = 0; n < 12; n++) {
        munmap(place, PAGE);
        if (n % 3 == 0) {
            memory(place, PAGE, WRITE);
            assemble(place, n, n);
            mprotect(place, PAGE, RUN);
            right &= calls(place, n);
        } else if (n % 3 == 1) {
            mmap(place, PAGE, RUN, MAP_PRIVATE | MAP_FIXED, files[n / 3 % 2], 0);
            right &= calls(place, n / 3 % 2);
            mmap(place, PAGE, RUN, MAP_PRIVATE | MAP_FIXED, files[!(n / 3 % 2)], 0);
            right &= calls(place, !(n / 3 % 2));
        } else {
            byte *other = memory(0, PAGE, WRITE);
            assemble(other, n, n);
            mprotect(other, PAGE, RUN);
            right &= calls(other, n);
            mremap(other, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, place);
            right &= calls(place, n);
        }
    }
    mmap(place, PAGE, ALL, MAP_PRIVATE | MAP_FIXED, files[1], 0);
    assemble(place, 3, 3);
    mprotect(place, PAGE, RUN);
    right &= calls(place, 3);
    madvise(place, PAGE, MADV_DONTNEED);
    right &= calls(place, 1);
    close(files[0]);
    close(files[1]);
    return right;
}

/* Changed by the kernel: read() into writable code, and by force into what is not writable. */
static int by_system_call(void)
{
    byte *code = memory(0, PAGE, ALL), *fixed = memory(0, PAGE, WRITE), source[64];
    int right = 1, pipes[2], self = open("/proc/self/mem", O_RDWR);
    pipe(pipes);
    assemble(fixed, 0, 0);
    mprotect(fixed, PAGE, RUN);
    for (int n = 0; n < 12; n++) {
        int size = assemble(source, n, n);
        struct iovec from = {source, size}, to = {code, size};
        right &= calls(fixed, n ? n - 1 : 0);
        if (n % 3 == 0) {
            write(pipes[1], source, size);
            read(pipes[0], code, size);
        } else if (n % 3 == 1)
            process_vm_writev(getpid(), &from, 1, &to, 1, 0);
        else
            pwrite(self, source, size, (long) code);
        right &= calls(code, n);
        pwrite(self, source, size, (long) fixed);
        right &= calls(fixed, n);
    }
    close(self);
    return right;
}

/* Written by one thread while another executes it. */
static byte *of_two;
static volatile int written, executed;

static void *writer(void *unused)
{
    for (int n = 1; n <= 12; n++) {
        while (executed != n - 1)
            usleep(0);
        assemble(of_two, n, n);
        written = n;
    }
    return unused;
}

static int by_thread(void)
{
    pthread_t thread;
    int right = 1;
    of_two = memory(0, PAGE, ALL);
    written = executed = 0;
    pthread_create(&thread, 0, writer, 0);
    for (int n = 1; n <= 12; n++) {
        while (written != n)
            usleep(0);
        right &= calls(of_two, n);
        executed = n;
    }
    pthread_join(thread, 0);
    return right;
}

/* A handler that puts the right instruction where the wrong one was: int3, ud2. */
static byte *patched;

static void patch(int number, siginfo_t *info, void *context)
{
    ucontext_t *state = context;
    memcpy(patched, number == SIGTRAP ? "\x89\xf8\x90" : "\x8d\x47\x01", 3);
    state->uc_mcontext.gregs[REG_RIP] = (long) patched;
}

static int by_handler(void)
{
    struct sigaction action = {.sa_sigaction = patch, .sa_flags = SA_SIGINFO}, traps, illegal;
    int right = 1;
    patched = memory(0, PAGE, ALL);
    sigaction(SIGTRAP, &action, &traps);
    sigaction(SIGILL, &action, &illegal);
    for (long n = 0; n < 6; n++) {
        memcpy(patched, "\xcc\x90\x90\xc3", 4);
        for (int k = 0; k < 3; k++)
            right &= ((function *) patched)(n, &cell) == n;
        memcpy(patched, "\x0f\x0b\x90\xc3", 4);
        for (int k = 0; k < 3; k++)
            right &= ((function *) patched)(n, &cell) == n + 1;
    }
    sigaction(SIGTRAP, &traps, 0);
    sigaction(SIGILL, &illegal, 0);
    return right;
}

/* On the stack: the return address of a call lies in the code that is called. */
static int on_the_stack(void)
{
    byte room[256];
    byte *code = (byte *) ((long) room + 63 & -64);
    int right = 1;
    mprotect((void *) ((long) room & -PAGE), 2 * PAGE, ALL);
    for (int n = 0; n < 20; n++) {
        assemble(code, n, n);
        right &= calls(code, n);
    }
    return right;
}

/* Instructions in instructions: mov $0x0000c3c7ff,... entered at its first and at a later byte. */
static int overlapping(void)
{
    static const byte source[] = {0xb8, 0x89, 0xf8, 0xc3, 0x00, 0xc3}; /* mov $0xc3f889,%eax; ret, or mov %edi,%eax; ret */
    byte *code = memory(0, PAGE, ALL);
    int right = 1;
    memcpy(code, source, sizeof source);
    for (int round = 0; round < 2; round++) {
        for (long n = 0; n < 5; n++)
            right &= ((function *) code)(n, &cell) == 0xc3f889 && ((function *) (code + 1))(n, &cell) == n;
        mprotect(code, PAGE, RUN);
    }
    return right;
}

#ifdef LIBRARIES
/* A library goes, and another comes to its place. */
static int library(void)
{
    static const char *const names[2] = {LIBRARIES};
    void *places[2];
    int right = 1;
    for (int n = 0; n < 4; n++) {
        void *opened = dlopen(names[n % 2], RTLD_NOW);
        int (*value)(int) = (int (*)(int)) dlsym(opened, "value");
        places[n % 2] = (void *) value;
        right &= value(n) == (n % 2 ? 7 * n : n + 11) && value(n + 1) == (n % 2 ? 7 * (n + 1) : n + 12);
        dlclose(opened);
    }
    return right && places[0] == places[1];
}
#endif

static const struct { const char *name; int (*run)(void); } cases[] = {
    {"in_place", in_place}, {"flipped", flipped}, {"shared", shared}, {"private", private}, {"shared_by_call", shared_by_call},
    {"private_by_call", private_by_call}, {"next_instruction", next_instruction}, {"own_loop", own_loop}, {"across", across},
    {"over_the_edge", over_the_edge}, {"replaced", replaced}, {"by_system_call", by_system_call}, {"by_thread", by_thread},
    {"by_handler", by_handler}, {"on_the_stack", on_the_stack}, {"overlapping", overlapping},
#ifdef LIBRARIES
    {"library", library},
#endif
};

/* jit CASE... */
int main(int count, char **arguments)
{
    int wrong = 0;
    for (unsigned each = 0; each < sizeof cases / sizeof *cases; each++) {
        int wanted = count < 2;
        for (int n = 1; n < count; n++)
            wanted |= !strcmp(arguments[n], cases[each].name);
        if (wanted) {
            int right = cases[each].run();
            printf("%s %s\n", cases[each].name, right ? "right" : "wrong");
            wrong += !right;
        }
    }
    return wrong;
}
