/* Walks through what a C library brings: PLT calls, callbacks, longjmp, signal handlers. */
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int numbers[] = {3, 1, 2};
static int handled;
static jmp_buf back;

static int compare(const void *left, const void *right)
{
	int l = *(const int *)left;
	int r = *(const int *)right;
	return l - r;
}

static void on_signal(int number)
{
	handled += number;
}

static void leap(int value)
{
	handled++;
	longjmp(back, value);
}

static int add(int a, int b)
{
	return a + b;
}

static int length(const char *text)
{
	int n = strlen(text);
	n += strlen(text + 1);
	return n;
}

int main(void)
{
	int n = length("four");
	n = add(length("a"), add(n, 1));
	qsort(numbers, 3, sizeof *numbers, compare);
	n += numbers[0];
	signal(SIGUSR1, on_signal);
	raise(SIGUSR1);
	n += handled;
	if (setjmp(back) == 0)
		leap(2);
	else
		n++;
	puts("done");
	return n > 100;
}
