/* Changes of the address space, with a marker between any two.  The argument names a file to map. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE 4096

int at;

static void marker(void)
{
	at++;
}

static char *map(size_t size, int flags, int file)
{
	return mmap(NULL, size, PROT_READ | PROT_WRITE, flags, file, 0);
}

int main(int argc, char **argv)
{
	int file = open(argv[1], O_RDWR | O_CREAT, 0600), nameless = memfd_create("nameless", 0);
	if (ftruncate(file, 4 * PAGE) != 0 || ftruncate(nameless, PAGE) != 0)
		return 2;
	marker();
	char *anonymous = map(4 * PAGE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	memset(anonymous, 1, 4 * PAGE);
	marker();
	char *private = map(4 * PAGE, MAP_PRIVATE, file);
	memset(private + PAGE, 2, PAGE);
	marker();
	char *shared = map(2 * PAGE, MAP_SHARED, file);
	memset(shared, 3, PAGE);
	marker();
	char *both = map(2 * PAGE, MAP_SHARED | MAP_ANONYMOUS, -1);
	memset(both, 4, 2 * PAGE);
	marker();
	munmap(both, PAGE);
	marker();
	munmap(private + PAGE, 2 * PAGE);
	marker();
	munmap(shared, 2 * PAGE);
	marker();
	mprotect(anonymous + PAGE, 2 * PAGE, PROT_READ);
	marker();
	anonymous = mremap(anonymous + 3 * PAGE, PAGE, 8 * PAGE, MREMAP_MAYMOVE);
	memset(anonymous + 5 * PAGE, 5, PAGE);
	marker();
	mremap(anonymous, 8 * PAGE, 6 * PAGE, 0);
	marker();
	madvise(anonymous + 5 * PAGE, PAGE, MADV_DONTNEED);
	marker();
	mmap(anonymous + PAGE, PAGE, PROT_READ, MAP_PRIVATE | MAP_FIXED, file, 0);
	marker();
	char *heap = sbrk(40 * PAGE);
	memset(heap, 6, 40 * PAGE);
	marker();
	sbrk(-30 * PAGE);
	marker();
	sbrk(2 * PAGE);
	marker();
	memset(heap + 11 * PAGE, 7, PAGE);
	shared = map(PAGE, MAP_SHARED, nameless);
	marker();
	shared[5] = 8;
	munmap(shared, PAGE);
	marker();
	shared = map(PAGE, MAP_SHARED, nameless);
	marker();
	shared[6] = 9;
	mprotect(shared, PAGE, PROT_READ);
	munmap(shared, PAGE);
	marker();
	free(malloc(1 << 20));
	marker();
	return 0;
}
