/* Ends as its argument says: with a status, by a signal, after a line of input, or never. */
#include <stdio.h>
#include <stdlib.h>

volatile int answer = 41;
volatile long turns;

static void turn(void)
{
	turns++;
}

int main(int argc, char **argv)
{
	switch (argc > 1 ? argv[1][0] : 's') {
	case 'a':
		abort();
	case 'w':
		puts("waiting");
		fflush(stdout);
		getchar();
		return answer;
	}
	if (argc > 1 && argv[1][1] == 'p')
		for (;;)
			turn();
	for (int i = 0; i < 1000; i++)
		turn();
	return answer;
}
