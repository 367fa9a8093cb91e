/* Bytes that go from a file to other descriptors without passing through memory. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/sendfile.h>
#include <unistd.h>

int ends[2];
static const char text[] = "0123456789abcdefghij";

int main(void)
{
    int file = open("/tmp", O_TMPFILE | O_RDWR, 0600);
    off_t offset = 4;
    loff_t place = 10, behind = 0;

    if (file < 0 || pipe(ends) || write(file, text, sizeof text - 1) != sizeof text - 1)
        return 1;
    lseek(file, 0, SEEK_SET);
    if (sendfile(1, file, NULL, 3) != 3)              /* 012, at the offset of the file */
        return 2;
    if (sendfile(1, file, &offset, 3) != 3)           /* 456, at an offset of its own */
        return 3;
    if (copy_file_range(file, &place, 1, NULL, 2, 0) != 2)    /* ab */
        return 4;
    if (splice(file, &behind, ends[1], NULL, 5, 0) != 5)      /* 01234, into a pipe */
        return 5;
    if (splice(ends[0], NULL, 1, NULL, 5, 0) != 5)    /* and out of it: not seen */
        return 6;
    return 0;
}
