/* One global of every kind that the printer knows.  The test asks gdb and rdb for the same expressions and compares. */
#include <stddef.h>
#include <stdint.h>
#include <complex.h>
#include <stdbool.h>

typedef unsigned char byte;
typedef int number;
typedef int triple[3];
typedef int (*operation)(int, int);

enum color { RED, GREEN, BLUE = 5 };
enum flags { F_READ = 1, F_WRITE = 2, F_EXEC = 4, F_ALL = 7 };
enum bits { B_NONE = 0, B_ONE = 1, B_TWO = 2, B_FOUR = 4, B_PAIR = 24 };
enum negative { MINUS = -3, ZERO = 0, PLUS = 3 };
enum { ANONYMOUS_A = 10, ANONYMOUS_B = 20 };

struct point { int x, y; };
struct node { int value; struct node *next; };
union word { int i; float f; char c[4]; unsigned char b[4]; };
struct nested {
    struct point at;
    union word u;
    struct { int inner; char letter; } unnamed_type;
    struct { short hidden; short secret; };
    union { int left; float right; };
    char name[12];
    struct point line[2];
    const char *text;
};
struct fields {
    unsigned int a : 1;
    unsigned int b : 3;
    int c : 4;
    unsigned int : 2;
    int d : 12;
    enum color e : 4;
    unsigned long f : 37;
    _Bool g : 1;
};
struct empty { };
struct flexible { int count; int items[]; };
struct callbacks { int (*unary)(int); operation binary; void (*nothing)(void); void *data; };
struct withbool { bool yes, no; char c; signed char s; unsigned char u; };
struct deep { struct { struct { struct { int bottom; } c; } b; } a; };

char plain = 'A';
signed char s_char = -5;
unsigned char u_char = 200;
char newline = '\n', nul = 0, quote = '\'', dquote = '"', backslash = '\\', escape = 27, del = 127, high = (char)0x80, alarm_ = 7;
short s_short = -1234;
unsigned short u_short = 65000;
int s_int = -123456;
int one = 1, two = 2, three = 3, minus_one = -1, zero = 0, big = 2147483647, least = -2147483647 - 1;
unsigned int u_int = 4000000000u;
long s_long = -1234567890123L;
unsigned long u_long = 18446744073709551615ul;
long long s_llong = -9223372036854775807LL - 1;
unsigned long long u_llong = 12345678901234567890ull;
__int128 s_int128 = ((__int128)0x0123456789abcdefLL << 64) | 0xfedcba9876543210ull;
unsigned __int128 u_int128 = 42;
int8_t i8 = -8; uint8_t u8 = 8; int16_t i16 = -16; uint16_t u16 = 16; int32_t i32 = -32; uint32_t u32 = 32; int64_t i64 = -64; uint64_t u64 = 64;
size_t a_size = 77; ptrdiff_t a_difference = -9; wchar_t wide = L'w'; wchar_t wides[] = L"wide \x3b1"; 
byte a_byte = 'b'; number a_number = 12; const int constant = 99; volatile int changing = 98; const volatile unsigned short both = 97;
bool truth = true, falsity = false;
unsigned char odd_bytes[1] = { 3 };

float f_zero = 0.0f, f_negzero = -0.0f, f_one = 1.0f, f_tenth = 0.1f, f_third = 1.0f / 3, f_big = 3.4028235e38f, f_tiny = 1e-45f, f_int = 16777216.0f, f_neg = -2.5f;
float f_inf = __builtin_inff(), f_ninf = -__builtin_inff(), f_nan = __builtin_nanf(""), f_nnan = -__builtin_nanf("");
double d_zero = 0.0, d_negzero = -0.0, d_one = 1.0, d_tenth = 0.1, d_third = 1.0 / 3, d_big = 1.7976931348623157e308, d_tiny = 5e-324, d_hundred = 100, d_million = 1e6, d_1e16 = 1e16, d_1e17 = 1e17, d_1e18 = 123456789012345678.0, d_small = 0.0001, d_smaller = 0.00001, d_neg = -12.75, d_pi = 3.14159265358979323846;
double d_inf = __builtin_inf(), d_ninf = -__builtin_inf(), d_nan = __builtin_nan(""), d_nan_payload = __builtin_nan("0x1234");
long double l_zero = 0.0L, l_one = 1.0L, l_tenth = 0.1L, l_third = 1.0L / 3, l_big = 1.18973149535723176502e+4932L, l_tiny = 3.6451995318824746025e-4951L, l_neg = -1e100L, l_pi = 3.14159265358979323846264338327950288L;
long double l_inf = __builtin_infl(), l_ninf = -__builtin_infl(), l_nan = __builtin_nanl(""), l_nan_payload = __builtin_nanl("0x1234");
_Complex double z_double = 1.5 + 2.5 * I;
_Complex float z_float = -1.0f - 0.25f * I;

enum color a_color = GREEN, no_color = (enum color)3, blue = BLUE;
enum flags no_flags = 0, one_flag = F_WRITE, two_flags = F_READ | F_EXEC, all_flags = F_ALL, more_flags = (enum flags)9, only_unknown = (enum flags)16;
enum bits bits_none = B_NONE, bits_mix = B_ONE | B_FOUR, bits_pair = B_PAIR, bits_part = (enum bits)8, bits_more = (enum bits)(B_ONE | B_PAIR | 64);
enum negative an_enum = MINUS, odd_enum = (enum negative)7;

char hello[] = "hello";
char padded[64] = "padded";
char empty_string[8];
char unterminated[4] = { 'a', 'b', 'c', 'd' };
char embedded[] = "one\0two\0\0three";
char runs[] = "aaaaaaaaaaaaaaaaaaaabcccccccccccccccccccd";
char run_nine[] = "xaaaaaaaaay", run_ten[] = "xaaaaaaaaaay", run_eleven[] = "xaaaaaaaaaaay";
char controls[] = "\a\b\f\n\r\t\v\033\001\177\200\377 \"quoted\" 'single' back\\slash";
char octal_digit[] = "\0011\1779\3337";
char long_text[] = "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789"
                   "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789"
                   "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789";
char big_zero[300];
char big_tail[300] = { [299] = 'z' };
char exact_200[201] = "01234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789";
char utf8[] = "gr\xc3\xbc\xc3\x9f \xe2\x82\xac";
unsigned char raw[6] = { 1, 2, 3, 0, 255, 128 };
signed char signed_raw[4] = { -1, -2, 3, 0 };
const char *message = "a message";
const char *null_message = 0;
const char *long_message = "abcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcdefghij"
                           "abcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcdefghijEND";
const char *repeated_message = "zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz!";
const char *empty_message = "";
char *hello_pointer = hello;
unsigned char *raw_pointer = raw;
char *names[] = { "zero", "one", 0, "three" };
char table_of_strings[3][8] = { "ab", "cdefghij", "" };
char *bad_pointer = (char *)1;

int ints[5] = { 1, 2, 3, 4, 5 };
int repeats[40] = { 1, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 3 };
int nine_reps[12] = { 7, 8, 8, 8, 8, 8, 8, 8, 8, 8, 9, 1 };
int ten_reps[12] = { 7, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 1 };
int many[300];
int counting[250] = { [0] = 1, [1] = 2, [2] = 3, [200] = 5, [249] = 6 };
int ascending[210] = {
#define TEN(n) n, n+1, n+2, n+3, n+4, n+5, n+6, n+7, n+8, n+9
    TEN(0), TEN(10), TEN(20), TEN(30), TEN(40), TEN(50), TEN(60), TEN(70), TEN(80), TEN(90), TEN(100), TEN(110), TEN(120), TEN(130),
    TEN(140), TEN(150), TEN(160), TEN(170), TEN(180), TEN(190), TEN(200) };
int matrix[2][3] = { { 1, 2, 3 }, { 4, 5, 6 } };
int big_matrix[20][20] = { { 1 } , { 2 } };
int wide_matrix[30][10] = { { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 }, { 1 }, { 2, 3 } , [3] = { TEN(0) }, { TEN(1) }, { TEN(2) }, { TEN(3) }, { TEN(4) }, { TEN(5) }, { TEN(6) }, { TEN(7) }, { TEN(8) },
    { TEN(0) }, { TEN(1) }, { TEN(2) }, { TEN(3) }, { TEN(4) }, { TEN(5) }, { TEN(6) }, { TEN(7) }, { TEN(8) }, { TEN(0) }, { TEN(1) }, { TEN(2) }, { TEN(3) }, { TEN(4) }, { TEN(5) }, { TEN(6) }, { TEN(7) }, { TEN(8) } };
int cube[2][2][2] = { { { 1, 2 }, { 3, 4 } }, { { 5, 6 }, { 7, 8 } } };
triple a_triple = { 7, 8, 9 };
short shorts[3] = { -1, 2, -3 };
double doubles[3] = { 1.5, -2.25, 1e300 };
bool bools[3] = { true, false, true };
enum color colors[3] = { RED, BLUE, (enum color)9 };
int no_items[0];
struct point points[3] = { { 1, 2 }, { 3, 4 }, { 5, 6 } };
struct point same_points[15];
struct point *point_pointers[2] = { &points[0], &points[2] };

struct point origin = { 3, -4 };
struct node third = { 3, 0 }, second = { 2, &third }, first = { 1, &second };
union word a_word = { .i = 0x41424344 };
struct nested a_nested = { { 1, 2 }, { 65 }, { 7, 'L' }, { 8, 9 }, { 10 }, "name", { { 1, 2 }, { 3, 4 } }, "some text" };
struct fields a_fields = { 1, 5, -3, -100, BLUE, 0x123456789aul, 1 };
struct empty an_empty;
struct flexible a_flexible = { 2, { 10, 20 } };
struct withbool a_withbool = { true, false, 'c', -1, 255 };
struct deep a_deep = { { { { 42 } } } };

int increment(int n) { return n + 1; }
static int add(int a, int b) { return a + b; }
static int hidden_counter = 55;
struct callbacks hooks = { increment, add, 0, &origin };
int (*function_pointer)(int) = increment;
operation op = add;
operation ops[2] = { add, 0 };
void *void_pointer = &ints[2];
int *int_pointer = &ints[1];
int **int_pointer_pointer = &int_pointer;
int *null_pointer = 0;
int (*array_pointer)[5] = &ints;
int (*row_pointer)[3] = matrix;
struct node *node_pointer = &first;
struct nested *nested_pointer = &a_nested;
const int *const_pointer = &constant;
int *const pointer_const = &one;
double *double_pointer = &doubles[1];
struct opaque *opaque_pointer = (struct opaque *)0x1234;
float *float_pointer = &f_one;
enum color *color_pointer = &blue;
bool *bool_pointer = &truth;
union word *word_pointer = &a_word;
struct callbacks *hooks_pointer = &hooks;
int (*matrix_function)(int (*)[3], const char *, ...);
char *(*(*weird)(int))(void);
_Thread_local int per_thread = 31;

static int shadowed(int one)
{
    static int calls = 5;
    int local = one * 2;
    int array[4] = { local, one, calls, 0 };
    char text[16] = "stack text";
    struct point p = { local, one };
    struct point *pp = &p;
    register double ratio = local / 3.0;
    {
        int local = 77;
        calls += local + array[0] + text[0] + pp->x + (int)ratio;
    }
    return calls;
}

int main(int argc, char **argv)
{
    hidden_counter += argc;
    return shadowed(21) + (argv == 0) + ops[0](1, 2) + (int)a_size + per_thread;
}
