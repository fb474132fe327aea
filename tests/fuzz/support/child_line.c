/* SPDX-License-Identifier: MIT */
#include "tests/fuzz/support/child_line.h"

#include <stdlib.h>
#include <string.h>

#include "common/cli/say.h"
#include "tests/fuzz/support/fuzz.h"

static char **given; /* a copy, as getopt_long and say_init change what they get */

static void copy_words(size_t count, char *const *words)
{
    free(given);
    given = malloc((count + 1) * sizeof(*given));
    fuzz_require(given != NULL, "no memory");
    memcpy(given, words, count * sizeof(*given));
    given[count] = NULL;
}

void child_line_read(struct child_line *line, bool producer, size_t count, char *const *words)
{
    jmp_buf exit_here;
    struct fuzz_output output;
    *line = (struct child_line){.taken = true};
    copy_words(count, words);
    say_init(producer ? "producer" : "consumer", (int)count, given);
    say_set_level(SAY_STATUS);
    fuzz_on_exit = &exit_here;
    fuzz_capture_begin();
    const int exited = setjmp(exit_here);
    if (exited == 0)
        (producer ? child_line_of_producer : child_line_of_consumer)(line, (int)count, given);
    fuzz_on_exit = NULL;
    fuzz_capture_end(&output);
    line->said = strdup(output.text[1]);
    fuzz_require(line->said != NULL, "no memory");
    if (exited != 0) {
        line->taken = false;
        line->status = exited - 1;
    }
}
