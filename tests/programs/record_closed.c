/* Descriptors that are closed: of a file that keeps its name, of one that loses it, of an event counter, and of many at once.
 * The argument is a folder of its own. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/syscall.h>
#include <unistd.h>

int stage;

static void __attribute__((noinline)) marker(void)
{
	stage++;
}

int main(int argc, char **argv)
{
	char buffer[8];
	if (argc < 2 || chdir(argv[1]))
		return 1;
	int kept = open("kept", O_RDWR | O_CREAT | O_APPEND, 0600), lost = open("lost", O_RDWR | O_CREAT, 0600);
	int event = eventfd(3, 0), folder = open(".", O_RDONLY | O_DIRECTORY), device = open("/dev/zero", O_RDONLY | O_CLOEXEC);
	int copy = dup(kept);
	if (write(kept, "kept", 4) != 4 || write(lost, "lost", 4) != 4)
		return 1;
	marker();
	flock(kept, LOCK_EX);
	if (read(event, buffer, 8) != 8 || read(device, buffer, 8) != 8)
		return 1;
	unlink("lost");
	syscall(SYS_close_range, kept, copy, 0);
	marker();
	return 0;
}
