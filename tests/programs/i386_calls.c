/* System calls as only 32-bit programs make them: int $0x80 beside the vdso's fast call, a sixth argument that is a pointer, calls
   that multiplex others, the old mmap, file offsets in pages, 16-bit user ids, and descriptors of thread-local storage. */
#define _GNU_SOURCE
#include <asm/ldt.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { PAGE = 4096 };

static int failures;
static volatile int caught;

static void check(int holds, const char *what)
{
    if (!holds) {
        failures++;
        printf("failed: %s\n", what);
    }
}

/* A call by int $0x80, which libc makes no more. */
static long by_interrupt(long number, long a, long b, long c)
{
    long result;
    __asm__ volatile("int $0x80" : "=a"(result) : "0"(number), "b"(a), "c"(b), "d"(c) : "memory");
    return result;
}

static void handler(int number, siginfo_t *info, void *context)
{
    (void) context;
    caught = number + (info->si_pid == getpid());
}

static void files(void)
{
    char name[] = "/tmp/rdb-i386-XXXXXX", block[3 * PAGE];
    struct stat status;
    loff_t place = 0;
    int file = mkstemp(name);

    memset(block, 'a', sizeof block);
    check(write(file, block, sizeof block) == sizeof block, "write");
    check(fstat(file, &status) == 0 && status.st_size == sizeof block, "fstat");
    check(by_interrupt(SYS_fstat64, file, (long) &status, 0) == 0, "fstat64");
    check(syscall(SYS__llseek, file, 0, PAGE, &place, SEEK_SET) == 0 && place == PAGE, "_llseek");
    memset(block, 0, sizeof block);
    check(by_interrupt(SYS_read, file, (long) block, 100) == 100 && block[99] == 'a', "read");
    close(file);
    unlink(name);
}

/* The program's own file, whose second and third page are mapped. */
static void mappings(void)
{
    char block[2 * PAGE];
    int file = open("/proc/self/exe", O_RDONLY);
    check(pread(file, block, sizeof block, PAGE) == sizeof block, "pread");
    char *first = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, file, PAGE);
    check(first != MAP_FAILED && !memcmp(first, block, sizeof block), "mmap2 with an offset");
    first[10] = '!';
    check(munmap(first + PAGE, PAGE) == 0, "munmap of a half");
    struct { unsigned long address, length, protection, flags, file, offset; } old = {0, PAGE, PROT_READ, MAP_SHARED, file, 2 * PAGE};
    char *second = (char *) by_interrupt(SYS_mmap, (long) &old, 0, 0);
    check((unsigned long) second < -4095ul && !memcmp(second, block + PAGE, PAGE), "the old mmap");
    char *moved = mremap(first, PAGE, 2 * PAGE, MREMAP_MAYMOVE);
    check(moved != MAP_FAILED && moved[10] == '!', "mremap");
    munmap(second, PAGE);
    close(file);
}

static void sockets(void)
{
    int ends[2];
    char text[16] = "";
    struct sockaddr_un address;
    socklen_t size = sizeof address;
    unsigned long pair[] = {AF_UNIX, SOCK_DGRAM, 0, (unsigned long) ends};
    check(by_interrupt(SYS_socketcall, 8, (long) pair, 0) == 0, "socketcall");
    check(send(ends[0], "hello", 6, 0) == 6, "send");
    memset(&address, 'x', sizeof address);
    check(recvfrom(ends[1], text, sizeof text, 0, (struct sockaddr *) &address, &size) == 6, "recvfrom");
    check(size < sizeof address && !strcmp(text, "hello"), "recvfrom's sixth argument");
    close(ends[0]);
    close(ends[1]);
}

static void identity(void)
{
    unsigned short ids[3] = {9, 9, 9};
    unsigned int wide[3] = {9, 9, 9};
    by_interrupt(SYS_getresuid, (long) &ids[0], (long) &ids[1], (long) &ids[2]);
    by_interrupt(SYS_getresuid32, (long) &wide[0], (long) &wide[1], (long) &wide[2]);
    check(ids[0] == (unsigned short) wide[0] && wide[1] == geteuid(), "getresuid");
}

static void thread_area(void)
{
    static int storage[4] = {11, 12, 13, 14};
    struct user_desc entry = {.entry_number = (unsigned) -1, .base_addr = (unsigned) storage, .limit = 0xfffff, .seg_32bit = 1,
                              .limit_in_pages = 1, .useable = 1};
    int before, value;
    check(syscall(SYS_set_thread_area, &entry) == 0, "set_thread_area");
    __asm__ volatile("mov %%fs, %0\n\tmov %1, %%fs\n\tmovl %%fs:4, %2\n\tmovl $99, %%fs:8\n\tmov %0, %%fs"
                     : "=&r"(before), "+r"((int) { entry.entry_number * 8 + 3 }), "=&r"(value)::"memory");
    check(value == 12 && storage[2] == 99, "a segment of its own");
}

static void times(void)
{
    struct timeval now;
    struct timespec pause = {0, 1000}, rest;
    struct rusage usage;
    gettimeofday(&now, NULL);
    check(now.tv_sec != 0 && nanosleep(&pause, &rest) == 0, "time");
    check(getrusage(RUSAGE_SELF, &usage) == 0 && usage.ru_maxrss > 0, "getrusage");
}

int main(void)
{
    struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO};
    files();
    mappings();
    sockets();
    identity();
    thread_area();
    times();
    sigaction(SIGUSR1, &action, NULL);
    kill(getpid(), SIGUSR1);
    check(caught == SIGUSR1 + 1, "a handler with siginfo");
    int child = fork(), status = 0;
    if (child == 0)
        _exit(7);
    check(waitpid(child, &status, 0) == child && WEXITSTATUS(status) == 7, "fork and waitpid");
    char *more = sbrk(5 * PAGE);
    memset(more, 1, 5 * PAGE);
    brk(more);
    printf("%d failures\n", failures);
    return failures;
}
