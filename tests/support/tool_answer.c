/* SPDX-License-Identifier: MIT */
/*
 * A command for --pipe-ack that answers each line with ok, as fast as it can: tool_answer [FILE]. Appends the
 * lines to FILE before it answers them.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { BYTES = 64 * 1024 };

static int write_all(int fd, const char *bytes, size_t count)
{
    while (count > 0) {
        ssize_t written = write(fd, bytes, count);
        if (written < 0)
            return -1;
        bytes += written;
        count -= (size_t)written;
    }
    return 0;
}

int main(int count, char **arguments)
{
    static char input[BYTES];
    static char answers[BYTES * 3];
    int file = count > 1 ? open(arguments[1], O_WRONLY | O_APPEND | O_CREAT, 0600) : -1;
    ssize_t bytes;

    while ((bytes = read(0, input, sizeof(input))) > 0) {
        size_t used = 0;
        const char *at = input;
        const char *end = input + bytes;
        for (; (at = memchr(at, '\n', (size_t)(end - at))) != NULL; at++, used += 3)
            memcpy(answers + used, "ok\n", 3);
        if ((file >= 0 && write_all(file, input, (size_t)bytes) < 0) || write_all(1, answers, used) < 0) {
            perror("tool_answer");
            return 1;
        }
    }
    return bytes < 0;
}
