/* Says what it was given: arguments, environment, folder, input. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int said;

static void say(const char *text)
{
	printf("[%s]", text);
	said++;
}

int main(int argc, char **argv)
{
	char text[4096];
	for (int i = 1; i < argc; i++)
		say(argv[i]);
	const char *value = getenv("RDB_TEST");
	printf("\n%s\n%s\n", value ? value : "", getcwd(text, sizeof text));
	if (getenv("RDB_TEST") && fgets(text, sizeof text, stdin))
		printf("%s\n", text);
	return 0;
}
