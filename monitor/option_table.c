/* SPDX-License-Identifier: MIT */
#include "monitor/option_table.h"

#include "common/cli/option_common.h"
#include "monitor/options.h"

#define AT(member) .at = offsetof(struct options, member)
#define FOR(verb) (1U << VERB_##verb)

static const struct option_verb verbs[] = {
    {"list", VERB_LIST, NULL, "all queues of this host"},
    {"show", VERB_SHOW, "NAME", "a queue, its lanes (a producer's each) and its seats (a consumer's each)"},
    {"check", VERB_CHECK, "NAME", "verify everything that must hold in it; exit 0, or 5 and what does not"},
    {"wait", VERB_WAIT, "NAME", "wait until it exists; with --empty, until all in it is acknowledged, too"},
    {"finish", VERB_FINISH, "NAME",
     "finish the streams of producers that died before they had, so that consumers can end with 0. What they put "
     "is still delivered. Living producers are not touched. A later '{prefix}producer --resume' of the same "
     "source "
     "still goes on where the dead one was, unless the lane was needed for another producer meanwhile"},
    {"shutdown", VERB_SHUTDOWN, "NAME", "no more messages are taken in; what is in it is still delivered"},
    {"remove", VERB_REMOVE, "NAME", "delete it, if it is empty and nobody uses it"},
    {.name = NULL},
};

static const struct option_entry own[] = {
    {.name = "json", .code = FORMAT_JSON, .verbs = FOR(LIST) | FOR(SHOW), .help = "as JSON"},
    {.name = "prometheus",
     .code = FORMAT_PROMETHEUS,
     .verbs = FOR(LIST) | FOR(SHOW),
     .help = "as metrics for Prometheus"},
    {.name = "empty",
     .kind = OPTION_IS_FLAG,
     AT(empty),
     .verbs = FOR(WAIT),
     .help = "until all messages are acknowledged"},
    {.name = "timeout",
     .kind = OPTION_IS_DURATION,
     AT(timeout_ns),
     .verbs = FOR(WAIT),
     .argument = "DURATION",
     .help = "at most so long, then exit 4"},
    {.name = "lane",
     .kind = OPTION_IS_COUNT32,
     .max = SHMQ_LANES_MAX - 1,
     AT(lane),
     .verbs = FOR(FINISH),
     .argument = "N",
     .help = "only lane N, as show lists it; exit 1 if its producer is alive"},
    {.name = "now",
     .kind = OPTION_IS_FLAG,
     AT(now),
     .verbs = FOR(SHUTDOWN),
     .help = "what is in it is not delivered any more, but stays"},
    {.name = "force",
     .kind = OPTION_IS_FLAG,
     AT(force),
     .verbs = FOR(REMOVE),
     .help = "also while it is used, has messages in it, or is damaged"},
    {.name = NULL},
};

static const struct option_section own_section = {.title = "Options:", .entries = own};

static const struct option_group groups[] = {
    {.section = &own_section},
    {.section = &option_common_section, AT(common)},
    {.section = &option_creating_section,
     .refused = "a creating option: the monitor makes no queue (give it to a producer)"},
    {.section = NULL},
};

const struct option_table monitor_options = {
    .usage = "VERB [NAME] [OPTION...]",
    .purpose = "look after queues",
    .summary = "Looks after queues. Reading changes nothing in them, and works while they are used and after all "
               "who used them died. NAME may also be given by -Q or $SHMQ_QUEUE.",
    .verbs = verbs,
    .groups = groups,
    .ending = "Exit status: 0 done; 1 failed, no such queue; 2 usage; 4 timed out; 5 queue damaged or of another "
              "version.",
    .examples = {{"{self} show jobs", "who uses the queue jobs, and how full it is"},
                 {"{self} wait jobs --empty --timeout 1m", "until all is worked off"},
                 {"{self} list --prometheus >/var/lib/prometheus/shmq.prom",
                  "all queues, for a metrics collector"}},
};
