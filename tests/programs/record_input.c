/* What the kernel writes into the program's memory, and what the program does with it. */
#include <string.h>
#include <unistd.h>

char buffer[32];
int counts[4];
struct pair { int first, second; } pair;
char packed[16];
int ready;

static int tally(int n)
{
	int local = n;
	local += 5;
	counts[1] = local;
	local *= 2;
	return local;
}

int main(void)
{
	ready = 1;
	int got = read(0, buffer, sizeof buffer);
	counts[0] = got;
	counts[2] = tally(got);
	pair.first = 10;
	pair.second = 20;
	for (int i = 0; i < 5; i++)
		counts[3] = i;
	for (int i = 0; i < 3; i++)
		ready = 1;
	*(int *)(packed + 3) = 0x01020304;
	*(short *)(packed + 7) = 0x0506;
	memset(packed, 9, sizeof packed);
	counts[0] = counts[1] + ready;
	tally(3);
	return 0;
}
