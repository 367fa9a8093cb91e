/* Every way to change the address space, with a marker between any two changes.  The first argument names the subject, the second
   a folder for files.  What the program cannot do on this machine it leaves out.                                              */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PAGE 4096
#define RW (PROT_READ | PROT_WRITE)
#define PRIVATE (MAP_PRIVATE | MAP_ANONYMOUS)
#define SHARED (MAP_SHARED | MAP_ANONYMOUS)
#define PLACE ((char *) 0x20000000)

static const char *folder;
static int at;

static void marker(void)
{
    at++;
}

static char *map(void *where, size_t pages, int protection, int flags, int file, off_t page)
{
    char *result = mmap(where, pages * PAGE, protection, flags | (where ? MAP_FIXED : 0), file, page * PAGE);
    marker();
    return result;
}

static void unmap(char *where, size_t pages)
{
    munmap(where, pages * PAGE);
    marker();
}

static void fill(char *where, size_t pages, int with)
{
    for (size_t page = 0; page < pages; page++)
        where[page * PAGE + 8 * page] = with + page;
    marker();
}

static int file(const char *name, size_t pages)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    int fd = open(path, O_RDWR | O_CREAT, 0600);
    for (size_t page = 0; page < pages; page++)
        pwrite(fd, "file", 4, page * PAGE);
    return fd;
}

static void mapping(void)
{
    char *a = map(PLACE, 8, RW, PRIVATE, -1, 0);
    fill(a, 8, 1);
    map(a + 2 * PAGE, 2, PROT_READ, PRIVATE, -1, 0);
    map(a + 3 * PAGE, 3, RW, PRIVATE, -1, 0);
    fill(a + 3 * PAGE, 3, 50);
    map(a + 8 * PAGE, 4, RW, PRIVATE | MAP_POPULATE, -1, 0);
    fill(a + 8 * PAGE, 4, 60);
    mmap(a, PAGE, RW, PRIVATE | MAP_FIXED_NOREPLACE, -1, 0);
    marker();
    map(a + 20 * PAGE, 4, PROT_NONE, PRIVATE, -1, 0);
    map(a + 30 * PAGE, 4, RW, PRIVATE | MAP_NORESERVE, -1, 0);
    map(a + 34 * PAGE, 4, RW, PRIVATE, -1, 0);
    fill(a + 30 * PAGE, 8, 70);
    unmap(a + 31 * PAGE, 5);
    map(a + 40 * PAGE, 4, RW, PRIVATE | MAP_LOCKED, -1, 0);
    fill(a + 40 * PAGE, 4, 80);
    unmap(a + 41 * PAGE, 1);
    char *huge = map(NULL, 512, RW, PRIVATE | MAP_HUGETLB, -1, 0);
    if (huge != MAP_FAILED) {
        fill(huge, 4, 90);
        unmap(huge, 512);
    }
    map(a + 50 * PAGE, 1 << 20, RW, PRIVATE | MAP_NORESERVE, -1, 0);
    fill(a + 1000 * PAGE, 3, 5);
    unmap(a + 50 * PAGE, 1 << 20);
}

static void unmapping(void)
{
    char *a = map(PLACE, 16, RW, PRIVATE, -1, 0);
    fill(a, 16, 1);
    unmap(a + 4 * PAGE, 4);
    unmap(a + 3 * PAGE, 6);
    unmap(a, 1);
    unmap(a + 15 * PAGE, 9);
    map(a + 4 * PAGE, 2, RW, PRIVATE, -1, 0);
    fill(a + 4 * PAGE, 2, 40);
    unmap(a - 5 * PAGE, 40);
    munmap(a + 1, PAGE);
    marker();
}

static void moving(void)
{
    char *a = map(PLACE, 4, RW, PRIVATE, -1, 0), *b;
    fill(a, 4, 1);
    mremap(a, 4 * PAGE, 6 * PAGE, 0);
    marker();
    fill(a, 6, 10);
    mremap(a, 6 * PAGE, 5 * PAGE, 0);
    marker();
    map(a + 5 * PAGE, 1, PROT_NONE, PRIVATE, -1, 0);
    b = mremap(a, 5 * PAGE, 9 * PAGE, MREMAP_MAYMOVE);
    marker();
    fill(b, 9, 20);
    map(a, 20, RW, PRIVATE, -1, 0);
    fill(a, 20, 30);
    b = mremap(b, 9 * PAGE, 9 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, a + 10 * PAGE);
    marker();
    fill(b, 9, 60);
    b = mremap(b + PAGE, 4 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, a + 40 * PAGE);
    marker();
    fill(b, 2, 70);
    b = mremap(b, 2 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, NULL);
    marker();
    fill(b, 2, 80);
    fill(a + 40 * PAGE, 2, 90);
    mremap(a + 40 * PAGE, 2 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_DONTUNMAP | MREMAP_FIXED, a + 2 * PAGE);
    marker();
    b = map(NULL, 3, RW, SHARED, -1, 0);
    fill(b, 3, 100);
    char *c = mremap(b, 0, 3 * PAGE, MREMAP_MAYMOVE);
    marker();
    fill(c, 3, 110);
    mremap(b + PAGE, 0, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, a + PAGE);
    marker();
    unmap(b, 3);
    fill(c, 2, 3);
    unmap(c, 1);
    unmap(c + PAGE, 2);
    unmap(a, 6);
    mremap(a + 100 * PAGE, PAGE, 2 * PAGE, MREMAP_MAYMOVE);
    mremap(a + 10 * PAGE, 2 * PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, a + 10 * PAGE + 1);
    marker();
}

static void growing(void)
{
    char *heap = sbrk(10 * PAGE);
    marker();
    fill(heap, 10, 1);
    sbrk(-4 * PAGE);
    marker();
    sbrk(2 * PAGE + 100);
    marker();
    fill(heap, 8, 20);
    mprotect(heap + 2 * PAGE, PAGE, PROT_READ);
    marker();
    mprotect(heap + 7 * PAGE, PAGE, RW | PROT_EXEC);
    marker();
    sbrk(-3 * PAGE);
    marker();
    sbrk(1L << 50);
    marker();
    char *down = map(PLACE + 100 * PAGE, 1, RW, PRIVATE | MAP_GROWSDOWN, -1, 0);
    *down = 1;
    marker();
    for (int i = 1; i < 5; i++)
        *(volatile char *) (down - i * PAGE) = i;
    marker();
    unmap(down - 2 * PAGE, 1);
    unmap(down - 4 * PAGE, 5);
    volatile char room[40 * PAGE];
    for (int i = 39; i >= 0; i--)
        room[i * PAGE] = i;
    marker();
    char *page = (char *) ((size_t) (room + 5 * PAGE) & -PAGE);
    mprotect(page, 2 * PAGE, RW | PROT_EXEC);
    marker();
    mprotect(page, 2 * PAGE, RW);
    marker();
}

static void protecting(void)
{
    char *a = map(PLACE, 8, RW, PRIVATE, -1, 0);
    fill(a, 8, 1);
    mprotect(a + PAGE, 3 * PAGE, PROT_NONE);
    marker();
    mprotect(a + 2 * PAGE, 4 * PAGE, PROT_EXEC);
    marker();
    unmap(a + 3 * PAGE, 2);
    map(a + 3 * PAGE, 1, PROT_READ, PRIVATE, -1, 0);
    mprotect(a, 8 * PAGE, PROT_READ);
    marker();
    mprotect(a, 3 * PAGE, RW);
    marker();
    fill(a, 3, 30);
    int key = pkey_alloc(0, PKEY_DISABLE_WRITE);
    if (key > 0) {
        pkey_set(key, 0);
        pkey_mprotect(a + PAGE, PAGE, RW, key);
        marker();
        a[PAGE] = 77;
        pkey_mprotect(a + PAGE, 2 * PAGE, PROT_READ, key);
        marker();
        unmap(a, 3);
    }
    unmap(a, 8);
}

static void advising(void)
{
    int fd = file("advised", 4), nameless = memfd_create("advised", 0);
    ftruncate(nameless, 4 * PAGE);
    char *a = map(PLACE, 8, RW, PRIVATE, -1, 0), *b = map(PLACE + 20 * PAGE, 4, RW, MAP_PRIVATE, fd, 0);
    char *c = map(PLACE + 30 * PAGE, 4, RW, MAP_SHARED, nameless, 0);
    fill(a, 8, 1);
    fill(b, 4, 20);
    fill(c, 4, 30);
    static const int advices[] = {
        MADV_DONTNEED, MADV_FREE, MADV_DONTFORK, MADV_DOFORK, MADV_WIPEONFORK, MADV_KEEPONFORK, MADV_DONTDUMP, MADV_DODUMP,
        MADV_NOHUGEPAGE, MADV_HUGEPAGE, MADV_SEQUENTIAL, MADV_RANDOM, MADV_NORMAL, MADV_WILLNEED, MADV_COLD,
    };
    for (size_t i = 0; i < sizeof advices / sizeof *advices; i++) {
        madvise(a + PAGE, 2 * PAGE, advices[i]);
        marker();
        a[PAGE + i * 8] = i;
        a[2 * PAGE + i * 8] = i;
    }
    madvise(b + PAGE, 2 * PAGE, MADV_DONTNEED);
    marker();
    madvise(c + PAGE, 2 * PAGE, MADV_DONTNEED);
    marker();
    madvise(c + PAGE, 2 * PAGE, MADV_REMOVE);
    marker();
    unmap(a + PAGE, 1);
    mlock(a + 4 * PAGE, 2 * PAGE);
    marker();
    munlock(a + 5 * PAGE, PAGE);
    marker();
    unmap(a + 3 * PAGE, 4);
}

static void guarding(void)
{
    char *a = map(PLACE, 12, RW, PRIVATE, -1, 0);
    fill(a, 12, 1);
    madvise(a + 2 * PAGE, 3 * PAGE, 102);
    marker();
    madvise(a + 3 * PAGE, PAGE, 103);
    marker();
    a[3 * PAGE] = 5;
    marker();
    madvise(a + 8 * PAGE, PAGE, 102);
    marker();
    unmap(a + 4 * PAGE, 3);
    map(a + 8 * PAGE, 2, RW, PRIVATE, -1, 0);
    a[8 * PAGE] = 6;
    unmap(a, 12);
}

static void sharing(void)
{
    int fd = file("shared", 8), nameless = memfd_create("nameless", 0);
    ftruncate(nameless, 8 * PAGE);
    char *a = map(PLACE, 8, RW, SHARED, -1, 0), *b = map(PLACE + 10 * PAGE, 8, RW, MAP_SHARED, fd, 0);
    char *c = map(PLACE + 20 * PAGE, 8, RW, MAP_SHARED, nameless, 0), *d = map(PLACE + 30 * PAGE, 4, PROT_READ, MAP_SHARED, nameless, 2);
    fill(a, 8, 1);
    fill(b, 8, 20);
    fill(c, 8, 40);
    close(nameless);
    close(fd);
    remap_file_pages(c, 2 * PAGE, 0, 5, 0);
    marker();
    fill(c, 2, 60);
    remap_file_pages(a + 2 * PAGE, 2 * PAGE, 0, 6, 0);
    marker();
    fill(a, 8, 70);
    mprotect(d, PAGE, PROT_NONE);
    marker();
    unmap(c + 2 * PAGE, 2);
    fill(c + 4 * PAGE, 4, 80);
    unmap(c, 8);
    unmap(d, 4);
    unmap(a + PAGE, 2);
    unmap(a, 8);
    mprotect(b, PAGE, PROT_READ);
    marker();
    unmap(b, 3);
    map(b + 3 * PAGE, 2, RW, PRIVATE, -1, 0);
    unmap(b, 8);
}

static void attaching(void)
{
    int id = shmget(IPC_PRIVATE, 3 * PAGE, 0600);
    if (id < 0)
        return;
    char *a = shmat(id, PLACE, 0);
    marker();
    fill(a, 3, 1);
    char *b = shmat(id, PLACE + 10 * PAGE, SHM_RDONLY);
    marker();
    shmctl(id, IPC_RMID, NULL);
    unmap(a + PAGE, 1);
    fill(a + 2 * PAGE, 1, 9);
    shmdt(a);
    marker();
    shmdt(b);
    marker();
}

static void filing(void)
{
    int fd = file("private", 6);
    char *a = map(PLACE, 6, RW, MAP_PRIVATE, fd, 0);
    fill(a + PAGE, 2, 1);
    char *b = map(PLACE + 10 * PAGE, 2, PROT_READ, MAP_PRIVATE, fd, 3);
    mprotect(a, 2 * PAGE, PROT_READ);
    marker();
    char path[256];
    snprintf(path, sizeof path, "%s/private", folder);
    unlink(path);
    close(fd);
    unmap(a + PAGE, 3);
    unmap(b, 2);
    unmap(a, 6);
}

static const struct { const char *name; void (*run)(void); } subjects[] = {
    { "mapping", mapping }, { "unmapping", unmapping }, { "moving", moving }, { "growing", growing }, { "protecting", protecting },
    { "advising", advising }, { "guarding", guarding }, { "sharing", sharing }, { "attaching", attaching }, { "filing", filing },
};

int main(int argc, char **argv)
{
    folder = argv[2];
    for (size_t i = 0; i < sizeof subjects / sizeof *subjects; i++)
        if (strcmp(argv[1], subjects[i].name) == 0)
            subjects[i].run();
    marker();
    return argc - 3;
}
