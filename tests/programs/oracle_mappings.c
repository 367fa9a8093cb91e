/* A changing address space: maps, unmaps, moves, grows the break, changes protections, and writes to all of it. */

#define _GNU_SOURCE
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { PAGE = 4096 };

static char *map(size_t size)
{
    return mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

int main(void)
{
    char *first = map(4 * PAGE), *second = map(2 * PAGE), *brk = sbrk(3 * PAGE);

    strcpy(first, "first");
    memset(second, 2, 2 * PAGE);
    memset(brk, 3, 3 * PAGE);
    munmap(second, PAGE);
    second[PAGE] = 9;
    first = mremap(first, 4 * PAGE, 16 * PAGE, MREMAP_MAYMOVE);
    first[15 * PAGE] = 15;
    mprotect(first, PAGE, PROT_READ);
    mprotect(first, PAGE, PROT_READ | PROT_WRITE);
    first[1] = 'F';
    mmap(first + PAGE, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    first[PAGE] = 1;
    madvise(first + 15 * PAGE, PAGE, MADV_DONTNEED);
    sbrk(-2 * PAGE);
    munmap(first, 16 * PAGE);
    return 0;
}
