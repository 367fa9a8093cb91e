/* System calls that nobody can describe, and those that the kernel finishes later.  A marker stands between any two.
   The first argument names the subject.                                                                              */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/aio_abi.h>
#include <linux/io_uring.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static int at, result, handled;

static void marker(void)
{
    at++;
}

static void unknown(void)
{
    int ends[2];
    char name[16];
    pipe(ends);
    for (int i = 0; i < 2; i++) {
        result = syscall(9999, name, 1, 2);
        marker();
        result = ioctl(ends[0], 0xABCD9934, name);
        marker();
    }
    result = write(ends[1], "hello", 5);
    marker();
    result = read(ends[0], name, 16);
    marker();
}

static void on_alarm(int number)
{
    handled += number;
}

static void interrupted(void)
{
    struct sigaction action = { .sa_handler = on_alarm };
    struct timespec rest = { 99, 99 };
    sigaction(SIGALRM, &action, NULL);
    for (int i = 0; i < 3; i++) {
        setitimer(ITIMER_REAL, &(struct itimerval) { { 0, 0 }, { 0, 20000 } }, NULL);
        result = nanosleep(&(struct timespec) { 3, 0 }, &rest);
        marker();
    }
    action.sa_flags = SA_RESTART;
    sigaction(SIGALRM, &action, NULL);
    int ends[2];
    char text[8] = "";
    pipe(ends);
    fd_set set;
    FD_ZERO(&set);
    FD_SET(ends[0], &set);
    setitimer(ITIMER_REAL, &(struct itimerval) { { 0, 0 }, { 0, 20000 } }, NULL);
    result = select(ends[0] + 1, &set, NULL, NULL, &(struct timeval) { 0, 200000 });
    marker();
    /* A call that is done when the signal arrives: the mapping is made all the same. */
    for (int i = 0; i < 200; i++) {
        setitimer(ITIMER_REAL, &(struct itimerval) { { 0, 0 }, { 0, 50 } }, NULL);
        char *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
        page[i] = i;
        munmap(page, 4096);
    }
    setitimer(ITIMER_REAL, &(struct itimerval) { { 0, 0 }, { 0, 0 } }, NULL);
    marker();
    write(ends[1], "hello", 5);
    result = read(ends[0], text, 8);
    marker();
}

static void asynchronous(void)
{
    aio_context_t context = 0;
    char text[64] = "";
    FILE *file = tmpfile();
    int fd = fileno(file);
    write(fd, "asynchronous", 12);
    marker();
    result = syscall(SYS_io_setup, 8, &context);
    marker();
    struct iocb block = { .aio_lio_opcode = IOCB_CMD_PREAD, .aio_fildes = fd, .aio_buf = (size_t) text, .aio_nbytes = 12 };
    struct iocb *blocks[] = { &block };
    result = syscall(SYS_io_submit, context, 1, blocks);
    marker();
    struct io_event event;
    result = syscall(SYS_io_getevents, context, 1, 1, &event, NULL);
    marker();
    result = syscall(SYS_io_destroy, context);
    marker();
}

static void ring(void)
{
    struct io_uring_params params;
    memset(&params, 0, sizeof params);
    char text[64] = "";
    FILE *file = tmpfile();
    int fd = fileno(file), uring = syscall(SYS_io_uring_setup, 4, &params);
    if (uring < 0)
        return;
    write(fd, "through a ring", 14);
    marker();
    size_t size = params.cq_off.cqes + params.cq_entries * sizeof(struct io_uring_cqe);
    char *rings = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, uring, IORING_OFF_SQ_RING);
    struct io_uring_sqe *entries = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, uring, IORING_OFF_SQES);
    marker();
    for (unsigned i = 0; i < 3; i++) {
        memset(entries + i, 0, sizeof *entries);
        entries[i] = (struct io_uring_sqe) { .opcode = IORING_OP_READ, .fd = fd, .addr = (size_t) (text + i), .len = 14, .user_data = i };
        *(unsigned *) (rings + params.sq_off.array + 4 * i) = i;
        __atomic_store_n((unsigned *) (rings + params.sq_off.tail), i + 1, __ATOMIC_RELEASE);
        result = syscall(SYS_io_uring_enter, uring, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0);
        marker();
    }
    munmap(rings, size);
    marker();
}

int main(int argc, char **argv)
{
    static const struct { const char *name; void (*run)(void); } subjects[] = {
        { "unknown", unknown }, { "interrupted", interrupted }, { "asynchronous", asynchronous }, { "ring", ring },
    };
    for (size_t i = 0; i < sizeof subjects / sizeof *subjects; i++)
        if (strcmp(argv[1], subjects[i].name) == 0)
            subjects[i].run();
    marker();
    return argc - 2;
}
