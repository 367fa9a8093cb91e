/* The workbench of tests/arch/linux/workbench.py.  It prepares an arena and descriptors, then stops; the test executes system
   calls with the two instructions behind the stop.

   The arena lies below 4 GiB, so that the calls of i386 can be made on it, too:
     0x10000000  16 pages to read and write
     0x10010000  a page to read
     0x10011000  a page without any access                                                                                 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <mqueue.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define ARENA ((char *) 0x10000000)
#define PAGE 4096

/* Gives a descriptor the number by which the test knows it. */
static void place(int fd, int number)
{
    if (fd < 0) {
        perror("syscalls.c");
        exit(1);
    }
    if (fd != number) {
        dup2(fd, number);
        close(fd);
    }
}

static void place_pair(const int pair[2], int number)
{
    place(pair[0], number);
    place(pair[1], number + 1);
}

static int udp(void)
{
    struct sockaddr_in self = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t size = sizeof self;
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    bind(fd, (struct sockaddr *) &self, size);
    getsockname(fd, (struct sockaddr *) &self, &size);
    connect(fd, (struct sockaddr *) &self, size);
    return fd;
}

static int listener(void)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    listen(fd, 8);
    return fd;
}

int main(void)
{
    int pair[2], on = 1;
    char text[8192];

    for (int fd = 3; fd < 256; fd++)
        close(fd);
    memset(text, 'x', sizeof text);
    place(memfd_create("file", 0), 100);
    write(100, text, sizeof text);
    pipe2(pair, O_NONBLOCK);
    place_pair(pair, 101);
    socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, pair);
    place_pair(pair, 103);
    place(udp(), 105);
    place(listener(), 106);
    place(epoll_create1(0), 107);
    epoll_ctl(107, EPOLL_CTL_ADD, 102, &(struct epoll_event) { .events = EPOLLOUT });
    epoll_ctl(107, EPOLL_CTL_ADD, 105, &(struct epoll_event) { .events = EPOLLOUT });
    place(timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK), 108);
    place(eventfd(5, EFD_NONBLOCK | EFD_SEMAPHORE), 109);
    place(inotify_init1(IN_NONBLOCK), 110);
    place(open("/proc/self", O_RDONLY | O_DIRECTORY), 111);
    openpty(&pair[0], &pair[1], NULL, NULL, NULL);
    place_pair(pair, 112);
    fcntl(112, F_SETFL, O_RDWR | O_NONBLOCK);
    fcntl(113, F_SETFL, O_RDWR | O_NONBLOCK);
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, NULL);
    place(signalfd(-1, &all, SFD_NONBLOCK), 114);
    pipe2(pair, O_NONBLOCK);
    place_pair(pair, 115);
    fcntl(105, F_SETOWN, getpid());
    setsockopt(105, SOL_SOCKET, SO_TIMESTAMP, &on, sizeof on);

    for (int child = 0; child < 60; child++)  /* to be waited for */
        if (fork() == 0)
            _exit(child);

    mmap(ARENA, 18 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_POPULATE, -1, 0);
    mprotect(ARENA + 16 * PAGE, PAGE, PROT_READ);
    mprotect(ARENA + 17 * PAGE, PAGE, PROT_NONE);
    __asm__ volatile("int3; syscall; nop; int $0x80; nop" ::: "memory", "rax", "rcx", "r11");
    return 0;
}
