/* SPDX-License-Identifier: MIT */
/* Prints the manual page or the completion of a program's options; make calls it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cli/options.h"
#include "common/cli/say.h"
#include "consumer/option_table.h"
#include "docs/generator/generator.h"
#include "monitor/option_table.h"
#include "producer/option_table.h"
#include "supervisor/options.h"

static const struct {
    const char *name; /* installed, behind the prefix */
    const struct option_table *table;
} programs[] = {
    {"producer", &producer_options},
    {"consumer", &consumer_options},
    {"monitor", &monitor_options},
    {"run", &supervisor_options},
};

/* The name that the program is called by is found from the end: what comes before is the prefix of all. */
static const struct option_table *find_table(char *called)
{
    const size_t length = strlen(called);
    for (size_t i = 0; i < sizeof(programs) / sizeof(programs[0]); i++) {
        const size_t end = strlen(programs[i].name);
        if (length < end || strcmp(called + length - end, programs[i].name) != 0)
            continue;
        say_init(programs[i].name, 1, &called);
        return programs[i].table;
    }
    return NULL;
}

int main(int argc, char **argv)
{
    const struct option_table *table = argc == 4 ? find_table(argv[2]) : NULL;
    bool known = table != NULL;
    if (known && strcmp(argv[1], "manual") == 0)
        manual_print(table, argv[3], table == &monitor_options ? fields_print : NULL);
    else
        known = known && strcmp(argv[1], "completion") == 0 && completion_print(table, argv[3]);
    if (!known) {
        fprintf(stderr, "usage: generator manual NAME DATE | generator completion NAME SHELL\n");
        return EXIT_USAGE;
    }
    return fflush(stdout) == 0 && ferror(stdout) == 0 ? EXIT_DONE : EXIT_FAILED;
}
