/* SPDX-License-Identifier: MIT */
#include "monitor/watch.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "common/cli/colour.h"
#include "common/cli/say.h"
#include "common/cli/stop.h"
#include "monitor/output.h"

#define HOME "\033[H"
#define CLEAR_LINE "\033[K"
#define CLEAR_BELOW "\033[J"
#define PLAIN "\033[0m"

/* Whether the byte goes on with a character of UTF-8 that has begun before. */
static bool goes_on(char byte)
{
    return ((unsigned char)byte & 0xc0) == 0x80;
}

/* Prints a line, as far as it fits into so many columns. Codes of colours take none. */
static void print_line(const char *line, size_t length, unsigned columns)
{
    unsigned column = 0;
    for (size_t i = 0; i < length; i++) {
        size_t code = 0;
        if (line[i] == '\033')
            code = strcspn(line + i, "m") + 1;
        else
            column += !goes_on(line[i]);
        if (code == 0 && column > columns)
            continue;
        code = code == 0 ? 1 : code;
        fwrite(line + i, 1, code, stdout);
        i += code - 1;
    }
    fputs(PLAIN CLEAR_LINE, stdout);
}

static struct winsize screen_size(void)
{
    struct winsize size = {.ws_row = 0};
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_row < 2 || size.ws_col == 0)
        size = (struct winsize){.ws_row = 24, .ws_col = 80};
    return size;
}

static size_t count_lines(const char *text)
{
    size_t lines = 0;
    for (; *text != '\0'; text++)
        lines += *text == '\n';
    return lines;
}

/* Draws over what was there, as much as there is room for, and says how much there is not. The cursor stays in the
 * last line, so that the screen does not scroll. */
static void draw(const char *text)
{
    const struct winsize size = screen_size();
    const size_t room = size.ws_row - 1U;
    const size_t lines = count_lines(text);
    const size_t shown = lines <= room ? lines : room - 1;
    char more[64];
    fputs(HOME, stdout);
    for (size_t row = 0; row < shown; row++) {
        const size_t length = strcspn(text, "\n");
        print_line(text, length, size.ws_col);
        putchar('\n');
        text += length + (text[length] == '\n');
    }
    if (shown < lines) {
        const int length = snprintf(more, sizeof(more), "(%zu more lines)", lines - shown);
        print_line(more, length > 0 ? (size_t)length : 0, size.ws_col);
        putchar('\n');
    }
    fputs(CLEAR_BELOW, stdout);
}

static bool is_on_screen(const struct options *options)
{
    return options->watch_ns != 0 && options->format == FORMAT_TABLE && colour_is_terminal(STDOUT_FILENO);
}

unsigned watch_columns(const struct options *options)
{
    return is_on_screen(options) ? screen_size().ws_col : 0;
}

static int look_and_draw(const struct options *options, watch_look *look)
{
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);
    if (out == NULL) {
        say_error("not enough memory to draw the table");
        return EXIT_FAILED;
    }
    const int status = look(options, out);
    if (fclose(out) == 0)
        draw(text);
    free(text);
    return status;
}

int watch(const struct options *options, watch_look *look)
{
    const bool screen = is_on_screen(options);
    if (options->watch_ns == 0)
        return look(options, stdout);
    for (bool first = true;; first = false) {
        if (!screen && !first)
            putchar('\n');
        const int status = screen ? look_and_draw(options, look) : look(options, stdout);
        if (status != EXIT_DONE || !output_flush())
            return status;
        const int64_t next = stop_now_ns() + options->watch_ns;
        while (stop_requested == 0 && !stop_sleep_until(next))
            stop_statistics_wanted(); /* discards SIGUSR1 */
        if (stop_requested != 0)
            return EXIT_DONE;
    }
}
