/* One variable of every kind of C type. */
#include <complex.h>
#include <stdbool.h>
#include <stddef.h>

struct node { int a; struct node *next; unsigned b : 3; int : 2; int c : 5; };
struct empty {};
struct opaque;
struct wide { long first : 40; long second : 20; char tail; unsigned char flag : 1; };
struct __attribute__((packed)) tight { char c; int i; short s : 9; };
union either { int i; float f; char bytes[4]; struct node *n; };
enum color { RED, GREEN = 5, BLUE };
enum flags { A = 1, B = 2, C = 4 };
enum signs { MINUS = -3, ZERO = 0, BIG = 1 << 20 };
typedef struct {
    int x;
    union { int i; float f; struct { int p, q; } in; } u;
    union { char c; struct { short s1, s2; }; };
    struct { int deep; struct { int deeper; } d; } anon;
    enum { E1, E2 } e;
} thing;
typedef int (*callback)(const void *, const void *);
typedef long mylong;
typedef mylong yourlong;
typedef const char *text;
typedef struct node node_t;
typedef int row[5];

long l; unsigned long ul; long long ll; unsigned long long ull; short s; unsigned short us; signed char sc; unsigned char uc; char c;
bool b; long double ld; float f; double d; size_t sz; _Complex double cd; _Complex float cf; __int128 i128; unsigned __int128 u128;
const char *const names[3] = {"a"}; const char *const *pp = names; char *const cpc = 0; volatile int vi; const volatile int *cvp;
int *volatile vp; int *restrict rp; const int ci = 4; const struct node cn = {1, 0, 1, 2}; text tx; const text ctx = 0; text *ptx;
int (*fp)(int, char **); int (*fpa[4])(void); int (*(*fpp)(int))[3]; int arr[2][3]; int (*pa)[3]; void (*vf)(); void *v;
int (*printfn)(const char *, ...); void (*(*signalish)(int, void (*)(int)))(int);
struct node n; struct empty em; struct opaque *op; struct wide w; struct tight ti; union either ei; enum color col; enum flags fl;
enum signs si; thing t; callback cb; mylong ml; yourlong yl; thing *pt; struct node *nodes[3]; struct node **ppn; node_t nt; node_t *pnt;
row r1; row r2[2]; row *pr; _Atomic int at; __thread int tls = 3; int *const *const volatile deep_pointer = 0; char text_array[] = "hello";
struct { int only; } unnamed; enum { ONE = 1, TWO } unnamed_enum; int zero_length[0]; volatile char *const volatile *vc;
typedef float vector4 __attribute__((vector_size(16))); vector4 vec;
struct list { struct list *links[2]; int (*visit)(struct list *, void *); union { long a; double b; } value; };
struct list head; struct { struct list inner; struct list *far; } holder; struct flexible { int count; int items[]; }; struct flexible *fx;

int func(int a, const char *b, ...) { return a; }
int nofn() { return 1; }
thing *make(thing by_value, const struct node *p, enum color how) { (void) p; (void) how; return by_value.x ? &t : 0; }
callback choose(callback one, row of_ints) { return of_ints[0] ? one : 0; }

int main(int argc, char **argv)
{
    static int st = 9;
    return func(1, "x") + nofn() + st + argc + (argv == 0) + (make(t, &n, RED) != 0) + (choose(cb, r1) != 0);
}
