/* What only a running program shows: locals, registers, thread-local storage, other frames, and writes to all of them. */
#include <stdint.h>

struct point { int x, y; };
struct node { int value; struct node *next; };
struct fields { unsigned int a : 1, b : 3; int c : 4; unsigned long f : 37; _Bool g : 1; };
enum color { RED, GREEN, BLUE = 5 };

_Thread_local int per_thread = 31;
struct fields fields = { 1, 5, -3, 0x1234567, 1 };
struct node third = { 3, 0 }, second = { 2, &third }, first = { 1, &second };
enum color color = GREEN;
double real = 2.5;
float small = 1.5f;
long double wide = 1.25L;
_Bool truth = 1;
char letter = 'A';
int numbers[5] = { 1, 2, 3, 4, 5 };
struct point origin = { 3, -4 };

static void stop_here(void)
{
    __asm__ volatile("nop");
}

static int shadowed(int one, const char *name, struct point where, struct node *list)
{
    static int calls = 5;
    int local = one * 2, array[4] = { local, one, 2, 0 };
    char text[16] = "stack text", *pointer = &text[6];
    struct point p = { local, one }, *pp = &p;
    register long kept __asm__("rbx") = 0x1122334455667788;
    __asm__ volatile("" : "+r"(kept));
    calls++;
    {
        int local = 77;
        stop_here();
        calls += local + (int)kept;
    }
    __asm__ volatile("" : : "r"(kept));
    return calls + array[0] + pointer[0] + pp->x + where.y + list->value + name[0];
}

int main(int argc, char **argv)
{
    per_thread += argc;
    return shadowed(21, "name", origin, &first) == 0 || argv == 0;
}
