/* Enums of single bits and of others, and text that is hard to print: runs, limits, control characters, broken UTF-8. */
enum bits { A1 = 1, A2 = 2, A4 = 4 };
enum bits_and_none { Z0 = 0, Z1 = 1, Z2 = 2, Z4 = 4 };
enum bits_and_pair { M1 = 1, M2 = 2, M4 = 4, M24 = 24 };
enum numbers { N1 = 1, N2 = 2, N3 = 3 };
enum overlapping { O1 = 1, O2 = 2, OBIG = 0x30, OX = 0x50 };
enum two_of_three { P1 = 1, P5 = 5 };
enum twice { Q1 = 1, Q1b = 1, Q2 = 2 };
enum descending { S8 = 8, S4 = 4, S1 = 1 };
enum wide { T3 = 3, T4 = 4 };
enum bits a1 = 3, a2 = 0, a3 = 8, a4 = 9, a5 = 7;
enum bits_and_none b1 = 3, b0 = 0, b8 = 8;
enum bits_and_pair c1 = 5, c2 = 25, c3 = 8, c4 = 24, c5 = 64;
enum numbers d1 = 3, d2 = 2, d3 = 0;
enum overlapping e1 = 0x31;
enum two_of_three g1 = 5, g2 = 4;
enum twice h = 3;
enum descending i = 13;
enum wide j = 7, j2 = 2, j3 = 1;

#define PAIRS "aabbccddeeffgghhiijjkkllmmnnooppqqrrssttuuvvwwxxyyzz"
char pairs[500] = PAIRS PAIRS PAIRS PAIRS PAIRS;
#define TEN(n) n, n, n + 1, n + 1, n + 2, n + 2, n + 3, n + 3, n + 4, n + 4
#define FIFTY(n) TEN(n), TEN(n + 5), TEN(n + 10), TEN(n + 15), TEN(n + 20)
int twins[600] = { FIFTY(0), FIFTY(25), FIFTY(50), FIFTY(75), FIFTY(100), FIFTY(125) };

char nine[] = "x" "aaaaaaaaa" "y", ten[] = "x" "aaaaaaaaaa" "y", eleven[] = "x" "aaaaaaaaaaa" "y";
int nines[] = { 1, 9, 9, 9, 9, 9, 9, 9, 9, 9, 2 }, tens[] = { 1, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 2 };
int elevens[] = { 1, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 2 };
char mixed[40] = "ab\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0cd", nul8[20] = "ab\0\0\0\0\0\0\0\0cd", lines[40] = "x\n\n\n\n\n\n\n\n\n\n\n\n\n\ny'z";
char quotes[20] = "''''''''''''''''a", double_quotes[20] = "\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"a";
char zeros[12], tail[30] = "abcdefghijklmnop";
char broken[] = "a\xffz\xc3", unfinished[] = "\xe2\x82", padded[12] = "\xe2\x82", high[] = "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff";
char umlauts[] = "\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc.";
char *umlauts_pointer = umlauts, *broken_pointer = broken;
char control_run[40] = { 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, '5', 2, '6' };
char digits_after[] = { 1, '8', 1, '7', 0, '1', 0, '9', 0 };
unsigned char c127 = 127, c128 = 128, c160 = 160, c233 = 233;

#define ALPHABET "abcdefghijklmnopqrstuvwxyz"
#define ALPHABETS ALPHABET ALPHABET ALPHABET ALPHABET ALPHABET ALPHABET ALPHABET
char x199[250] = ALPHABETS "abcdefghijklmnopq", x200[250] = ALPHABETS "abcdefghijklmnopqr", x201[250] = ALPHABETS "abcdefghijklmnopqrs";

int lots[1000];
struct big { int a[300]; char b[300]; struct { int x; } c[300]; } big;
struct text { char a[3], b[4]; } text = { "abc", "abc" };
int odd[3][11] = { { 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1 } };
struct narrow { int a : 3; } narrow[12];
struct { int v; } *nameless_pointer;
struct { int v; } nameless = { 3 };
long double pair[2] = { 1, 2 };
char *names[250];

int main(void)
{
    return 0;
}
