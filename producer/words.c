/* SPDX-License-Identifier: MIT */
#include "producer/words.h"
#include "common/cli/units.h"

#include <inttypes.h>
#include <string.h>

enum flow words_run(struct publisher *publisher, const struct options *options)
{
    enum flow flow = FLOW_CONTINUE;
    for (size_t i = 0; i < options->word_count && flow == FLOW_CONTINUE; i++) {
        const struct iovec word = {options->words[i], strlen(options->words[i])};
        if (word.iov_len > publisher->max_message) {
            publisher_count_too_long(publisher);
            return publisher_fail(publisher, EXIT_FAILED,
                                  "word %zu: its %zu bytes are longer than the queue's largest message of %" PRIu64
                                  " byte%s (create the queue with a larger --max-message)",
                                  i + 1, word.iov_len, publisher->max_message,
                                  units_plural(publisher->max_message));
        }
        size_t taken;
        flow = publisher_put(publisher, &word, 1, SHMQ_FRAME_DELIMITER, &taken);
    }
    return flow;
}
