/* SPDX-License-Identifier: MIT */
#include "monitor/top/screen.h"

#include <curses.h>
#include <langinfo.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "monitor/top/capabilities.h"
#include "monitor/top/keys.h"
#include "monitor/top/terminal.h"

enum { ESCAPE_MS = 50, LEAST_SIZE = 1, MOST_SIZE = 4096, RESTORING_BYTES = 256 };

static SCREEN *terminal;
static bool coloured;

/* ------------------------------------------------------------------ beginning and end */

static void start_colours(void)
{
    static const short colours[STYLES] = {[STYLE_HEAD] = COLOR_CYAN,
                                          [STYLE_GOOD] = COLOR_GREEN,
                                          [STYLE_WARNING] = COLOR_YELLOW,
                                          [STYLE_BAD] = COLOR_RED};
    const char *unwanted = getenv("NO_COLOR");
    coloured = (unwanted == NULL || unwanted[0] == '\0') && has_colors() && start_color() == OK &&
               use_default_colors() == OK;
    for (short style = STYLE_HEAD; coloured && style <= STYLE_BAD; style++)
        if (colours[style] != 0)
            init_pair(style, colours[style], -1);
}

bool screen_open(void)
{
    /* Only what characters are: numbers have a point in every language. */
    setlocale(LC_CTYPE, "");
    set_escdelay(ESCAPE_MS);
    /* From here on, a crash would leave the terminal changed. */
    terminal_is_changed("", 0);
    terminal = newterm(NULL, stdout, stdin);
    if (terminal == NULL) {
        terminal_is_restored();
        return false;
    }
    char text[RESTORING_BYTES];
    terminal_is_changed(text, capabilities_restoring(text, sizeof(text)));
    start_colours();
    cbreak();
    noecho();
    nonl();
    intrflush(stdscr, FALSE);
    keypad(stdscr, TRUE);
    nodelay(stdscr, TRUE);
    curs_set(0);
    screen_resized();
    return true;
}

void screen_close(void)
{
    if (terminal == NULL)
        return;
    /* A terminal with one screen only goes on in the last line. */
    move(LINES - 1, 0);
    clrtoeol();
    refresh();
    endwin();
    terminal_is_restored();
    delscreen(terminal);
    terminal = NULL;
}

bool screen_has_blocks(void)
{
    const char *name = getenv("TERM");
    /* The font of the Linux console has only some of them. */
    return strcmp(nl_langinfo(CODESET), "UTF-8") == 0 && name != NULL && strcmp(name, "linux") != 0;
}

void screen_suspend(void)
{
    endwin();
    terminal_is_restored();
    terminal_stop();
    terminal_is_changed("", 0);
    screen_repaint();
    screen_resized();
}

void screen_repaint(void)
{
    /* Somebody else may have changed the modes and left the alternate screen: refresh sets both after endwin. */
    endwin();
    clearok(curscr, TRUE);
    refresh();
}

/* ------------------------------------------------------------------ size and content */

static int in_bounds(int size)
{
    return size < LEAST_SIZE ? LEAST_SIZE : size > MOST_SIZE ? MOST_SIZE : size;
}

void screen_resized(void)
{
    struct winsize size;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 0 && size.ws_col > 0)
        resizeterm(in_bounds(size.ws_row), in_bounds(size.ws_col));
}

void screen_size(int *rows, int *columns)
{
    getmaxyx(stdscr, *rows, *columns);
}

static attr_t attributes_of(const struct cell *cell)
{
    static const attr_t with_colour[STYLES] = {
        [STYLE_TITLE] = A_REVERSE, [STYLE_HEAD] = A_BOLD, [STYLE_WARNING] = A_NORMAL, [STYLE_FAINT] = A_DIM};
    static const attr_t without[STYLES] = {
        [STYLE_TITLE] = A_REVERSE, [STYLE_HEAD] = A_BOLD, [STYLE_WARNING] = A_BOLD, [STYLE_BAD] = A_BOLD};
    attr_t attributes = coloured ? with_colour[cell->style] : without[cell->style];
    if (cell->marked)
        attributes ^= A_REVERSE;
    return attributes;
}

static short pair_of(const struct cell *cell)
{
    return coloured && cell->style >= STYLE_HEAD && cell->style <= STYLE_BAD ? cell->style : 0;
}

void screen_draw(const struct canvas *canvas)
{
    for (int row = 0; row < canvas->rows; row++) {
        for (int column = 0; column < canvas->columns; column++) {
            const struct cell *cell = &canvas->cells[row * canvas->columns + column];
            const wchar_t glyph[2] = {cell->glyph, L'\0'};
            cchar_t character;
            setcchar(&character, glyph, attributes_of(cell), pair_of(cell), NULL);
            mvadd_wch(row, column, &character);
        }
    }
    refresh();
}

/* ------------------------------------------------------------------ keys */

static int translate(int key)
{
    switch (key) {
    case KEY_UP:
        return KEY_OF_UP;
    case KEY_DOWN:
        return KEY_OF_DOWN;
    case KEY_LEFT:
        return KEY_OF_LEFT;
    case KEY_RIGHT:
        return KEY_OF_RIGHT;
    case KEY_PPAGE:
        return KEY_OF_PAGE_UP;
    case KEY_NPAGE:
        return KEY_OF_PAGE_DOWN;
    case KEY_HOME:
        return KEY_OF_HOME;
    case KEY_END:
        return KEY_OF_END;
    case KEY_ENTER:
    case '\r':
    case '\n':
        return KEY_OF_ENTER;
    case KEY_BACKSPACE:
    case '\b':
    case 127:
        return KEY_OF_ERASE;
    case '\t':
        return KEY_OF_TAB;
    case KEY_BTAB:
        return KEY_OF_BACK_TAB;
    case KEY_F(1):
        return KEY_OF_HELP;
    case 'L' & 0x1f:
        return KEY_OF_REPAINT;
    default:
        return key < KEY_CODE_YES ? key : 0;
    }
}

int screen_key(void)
{
    const int key = getch();
    return key == ERR ? -1 : translate(key);
}
