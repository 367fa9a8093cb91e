/* Output through several descriptors and calls, and input that is consumed: what was read comes back as read. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

int stage;
char input[16];
long got;

static void __attribute__((noinline)) marker(void)
{
	stage++;
}

int main(int argc, char **argv)
{
	int ends[2], pair[2];
	struct iovec parts[] = {{"vec", 3}, {"tor\n", 4}};
	struct iovec socketed[] = {{"mes", 3}, {"sage", 4}};
	struct msghdr message = {.msg_iov = socketed, .msg_iovlen = 2};

	if (pipe2(ends, O_NONBLOCK) || socketpair(AF_UNIX, SOCK_STREAM, 0, pair))
		return 1;
	marker();
	if (write(1, "one\n", 4) != 4)
		return 1;
	marker();
	if (writev(2, parts, 2) != 7)
		return 1;
	marker();
	got = read(0, input, 5);
	if (write(1, input, got) != got)
		return 1;
	marker();
	/* A pipe that takes only a part, then nothing. */
	static char large[100000];
	memset(large, 'x', sizeof large);
	got = write(ends[1], large, sizeof large);
	write(ends[1], large, 1);
	marker();
	send(pair[0], "sent", 4, 0);
	sendmsg(pair[0], &message, 0);
	marker();
	got = read(0, input + 5, 11);
	int copy = dup(1);
	if (write(copy, "\033[1m\303\251\377", 7) != 7)
		return 1;
	marker();
	return 0;
}
