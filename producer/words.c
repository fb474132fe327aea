/* SPDX-License-Identifier: MIT */
#include "producer/words.h"
#include "common/cli/stop.h"
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

enum flow words_stopped(struct publisher *publisher, const struct options *options)
{
    const uint64_t wanted =
        options->count != 0 && options->count < options->word_count ? options->count : options->word_count;
    const uint64_t put = publisher->progress.counts.messages + publisher->dropped;
    /* Between two words, or in a supervised run, a stop is as good as an end: the summary says how far it came. */
    const bool held_up = publisher->queue == NULL || publisher->progress.counts.blocked;
    if (stop_requested == 0 || !held_up || options->common.supervised || put >= wanted)
        return FLOW_END;
    return publisher_fail(
        publisher, EXIT_FAILED, "%" PRIu64 " of %" PRIu64 " word%s could not be put before the signal (%s)",
        wanted - put, wanted, units_plural(wanted),
        publisher->queue == NULL ? "it still had no lane" : "the queue was full; start consumers first");
}
