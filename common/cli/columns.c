/* SPDX-License-Identifier: MIT */
#include "common/cli/columns.h"

#include <langinfo.h>
#include <locale.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <wchar.h>

static bool names_utf8(const char *locale)
{
    const char *codeset = strrchr(locale, '.');
    return codeset != NULL && (strncasecmp(codeset, ".UTF-8", 6) == 0 || strncasecmp(codeset, ".utf8", 5) == 0);
}

/* In a container, the locale may be set, but not installed. */
static locale_t locale_of_user(void)
{
    static const char *const variables[] = {"LC_ALL", "LC_CTYPE", "LANG"};
    const locale_t locale = newlocale(LC_CTYPE_MASK, "", (locale_t)0);
    if (locale != (locale_t)0)
        return locale;
    for (size_t i = 0; i < sizeof(variables) / sizeof(variables[0]); i++) {
        const char *name = getenv(variables[i]);
        if (name != NULL && name[0] != '\0')
            return names_utf8(name) ? newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0) : (locale_t)0;
    }
    return (locale_t)0;
}

static locale_t users_locale; /* (locale_t)0: "C", in which the rest of the program runs */

static void find_locale(void)
{
    users_locale = locale_of_user();
}

/* Return: the locale to go back to. */
static locale_t enter(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    (void)pthread_once(&once, find_locale);
    return uselocale(users_locale);
}

static void leave(locale_t before)
{
    (void)uselocale(before);
}

/* @columns: receives the width. Return: bytes of the character at @text, of which there is one; 0: it is none. */
static size_t character(const char *text, int *columns)
{
    wchar_t wide;
    mbstate_t state = {0};
    const size_t bytes = mbrtowc(&wide, text, strlen(text), &state);
    if (bytes == 0 || bytes > strlen(text))
        return 0;
    *columns = wcwidth(wide);
    return *columns < 0 ? 0 : bytes;
}

void columns_clean(char *text)
{
    char *to = text;
    int columns;
    const locale_t before = enter();
    for (const char *from = text; *from != '\0';) {
        const size_t bytes = character(from, &columns);
        if (bytes == 0)
            *to++ = '?';
        else
            memmove(to, from, bytes);
        to += bytes;
        from += bytes > 0 ? bytes : 1;
    }
    *to = '\0';
    leave(before);
}

/* Return: how many bytes of a clean text fit. @used: receives their width */
static size_t fitting(const char *text, size_t columns, size_t *used)
{
    size_t length = 0;
    *used = 0;
    while (text[length] != '\0') {
        int width;
        const size_t bytes = character(text + length, &width);
        width = bytes > 0 ? width : 1;
        if (*used + (size_t)width > columns)
            break;
        *used += (size_t)width;
        length += bytes > 0 ? bytes : 1;
    }
    return length;
}

size_t columns_of(const char *text)
{
    size_t used;
    const locale_t before = enter();
    (void)fitting(text, SIZE_MAX, &used);
    leave(before);
    return used;
}

/* Return: where the word ends that is not cut, without what only joins it to the next; 0: there is none. */
static size_t end_of_word(const char *text, size_t length)
{
    if (text[length] != ' ')
        while (length > 0 && text[length - 1] != ' ')
            length--;
    while (length > 0 && strchr(" ,:;(", text[length - 1]) != NULL)
        length--;
    return length;
}

void columns_cut(char *text, size_t size, size_t columns, size_t kept)
{
    size_t used;
    const locale_t before = enter();
    const bool utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
    const char *ellipsis = utf8 ? "\xe2\x80\xa6" : "...";
    const size_t width = utf8 ? 1 : strlen(ellipsis);
    const size_t fits = fitting(text, columns, &used);
    if (text[fits] != '\0') {
        const size_t whole = columns >= width ? fitting(text, columns - width, &used) : fits;
        const size_t end = end_of_word(text, whole);
        const size_t length = end > kept ? end : whole;
        if (columns >= width && length + strlen(ellipsis) < size)
            memcpy(text + length, ellipsis, strlen(ellipsis) + 1);
        else
            text[length] = '\0';
    }
    leave(before);
}

/* Return: where the last part of a clean text begins that fits. */
static const char *fitting_end(const char *text, size_t columns)
{
    size_t used;
    size_t left = columns_of(text);
    while (left > columns && *text != '\0') {
        const size_t bytes = fitting(text, 1, &used); /* none of a wide character */
        text += bytes > 0 ? bytes : fitting(text, 2, &used);
        left -= used;
    }
    return text;
}

void columns_cut_middle(char *name, size_t size, size_t columns)
{
    size_t used;
    if (columns < 1 || columns_of(name) <= columns)
        return;
    const locale_t before = enter();
    const char *ellipsis = strcmp(nl_langinfo(CODESET), "UTF-8") == 0 ? "\xe2\x80\xa6" : "~";
    const size_t mark = strlen(ellipsis);
    const size_t head = fitting(name, columns / 2, &used);
    const char *end = fitting_end(name + head, columns - used - 1);
    const size_t length = strlen(end) + 1;
    if (head + mark + length <= size) {
        memmove(name + head + mark, end, length);
        memcpy(name + head, ellipsis, mark);
    }
    leave(before);
}
