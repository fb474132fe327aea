/* SPDX-License-Identifier: MIT */
#include "monitor/metrics/assets.h"

#include <stddef.h>
#include <string.h>

/* The assembler finds the files from the top folder, where make runs. */
#define EMBED(name, file)                                                                                         \
    __asm__(".section .rodata\n"                                                                                  \
            ".balign 16\n" #name "_begin:\n"                                                                      \
            ".incbin \"" file "\"\n" #name "_end:\n"                                                              \
            ".previous\n");                                                                                       \
    extern const char name##_begin[] __attribute__((visibility("hidden")));                                       \
    extern const char name##_end[] __attribute__((visibility("hidden")))

EMBED(page_html, "monitor/metrics/page/page.html");
EMBED(page_css, "monitor/metrics/page/page.css");
EMBED(page_js, "monitor/metrics/page/page.js");

const struct asset *asset_find(const char *path)
{
    static const struct asset assets[] = {
        {"/", "text/html; charset=utf-8", page_html_begin, page_html_end},
        {"/page.css", "text/css; charset=utf-8", page_css_begin, page_css_end},
        {"/page.js", "text/javascript; charset=utf-8", page_js_begin, page_js_end},
    };
    for (size_t i = 0; i < sizeof(assets) / sizeof(assets[0]); i++)
        if (strcmp(assets[i].path, path) == 0)
            return &assets[i];
    return NULL;
}
