/* A shared library (with -DLIBRARY -shared -fPIC) and the program that loads it with dlopen: thread-local variables of both. */
#ifdef LIBRARY
__thread int in_library = 11;
__thread char room[100];
static __thread long hidden_in_library = 12;
int library_call(int x)
{
    in_library += x;
    room[0] = 'r';
    hidden_in_library += x;
    return in_library;
}
#else
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
__thread int in_program = 21;
static __thread struct { char pad; long value; } __attribute__((aligned(64))) aligned = {'p', 22};
int main(int argc, char **argv)
{
    (void) argc;
    void *library = dlopen(argv[1], RTLD_NOW);
    int (*call)(int) = library ? (int (*)(int)) dlsym(library, "library_call") : 0;
    errno = 5;
    aligned.value++;
    return call ? call(1) + in_program : 1;
}
#endif
