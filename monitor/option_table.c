/* SPDX-License-Identifier: MIT */
#include "monitor/option_table.h"

#include "common/cli/option_common.h"
#include "monitor/listen_address.h"
#include "monitor/options.h"

#define AT(member) .at = offsetof(struct options, member)
#define FOR(verb) (1U << VERB_##verb)

static const struct option_verb verbs[] = {
    {"list", VERB_LIST, NULL, "list all queues of this host"},
    {"show", VERB_SHOW, "NAME|FILE",
     "show a queue, its lanes (one per producer) and its seats (one per consumer). Time in queue: how long "
     "messages took from put to acknowledgement"},
    {"top", VERB_TOP, "[NAME]",
     "watch all queues, or one, on the full screen: how full, how fast, who waits for what, the last events. "
     "Its keys: ?. Only p (pause, resume) changes a queue, and asks before"},
    {"metrics", VERB_METRICS, "[NAME...]",
     "serve metrics of all queues, or of those, for Prometheus (/metrics), and a page for a browser (/), until "
     "it is stopped; or write them to a file. It only reads"},
    {"events", VERB_EVENTS, "NAME|FILE",
     "show what happened to the queue, the last 4096 events with their times: who came, went and died, who took "
     "over, when it was full, empty, paused or damaged, and so on"},
    {"check", VERB_CHECK, "NAME|FILE", "verify the queue's invariants; exit 5 and report those that do not hold"},
    {"save", VERB_SAVE, "NAME FILE",
     "copy the queue into FILE for show, check, peek and events, with all that is in it, while it is in use: "
     "nobody "
     "waits, "
     "nothing changes in it, and what is in the copy fits together. FILE is there only once it is complete and on "
     "disk, with mode 0600. A damaged queue is copied as it is; exit 5"},
    {"doctor", VERB_DOCTOR, "[NAME]",
     "look for what is wrong, or soon will be, with this machine and all queues, or with one queue; say what to "
     "do "
     "about it. Exit 0: all is well, 1: there are warnings, 5: there are failures. With -q, say only these"},
    {"wait", VERB_WAIT, "NAME",
     "wait until the queue exists and, with --empty, until all messages are acknowledged"},
    {"peek", VERB_PEEK, "NAME|FILE [N]",
     "show the N (10) oldest messages without taking them, with their headers and who has them: lane by lane, as "
     "there is no order between lanes. What a consumer acknowledges meanwhile is left out"},
    {"drop", VERB_DROP, "NAME ID...",
     "delete messages, by the ids that peek prints (or that they had before they were moved: Shmq-Id). What a "
     "living consumer has stays; exit 1 if any was not dropped"},
    {"kick", VERB_KICK, "NAME [ID...]",
     "move dead letters back to the queue where they were given up (Shmq-Queue), all or those with these ids, to "
     "be tried again: without their failed attempts and history, but with their other headers. Each is moved "
     "once, even if kick is killed and repeated; exit 1 if any stays. With ids, those before them are put behind, "
     "and get new ids"},
    {"purge", VERB_PURGE, "NAME",
     "with --force: delete all messages that wait, also if the queue is paused or they wait for a retry. What "
     "consumers have stays"},
    {"finish", VERB_FINISH, "NAME",
     "finish the streams of producers that died before finishing, so that consumers can exit 0. Their messages "
     "are still delivered. Does not touch living producers. A later '{prefix}producer --resume' of the same "
     "source still continues where the dead one was, unless another producer has taken its lane meanwhile"},
    {"pause", VERB_PAUSE, "NAME",
     "hand out no more messages until resume: the queue still takes them, consumers wait, and what they have "
     "taken they may finish. It stays paused when all its processes have ended"},
    {"resume", VERB_RESUME, "NAME", "end the pause"},
    {"shutdown", VERB_SHUTDOWN, "NAME", "accept no more messages; deliver those in the queue"},
    {"remove", VERB_REMOVE, "NAME", "delete the queue if it is empty and not in use"},
    {.name = NULL},
};

_Static_assert(sizeof(verbs) / sizeof(verbs[0]) == VERBS + 1, "each verb is described once");

static const struct option_entry own[] = {
    {.name = "json",
     .code = FORMAT_JSON,
     .verbs = FOR(LIST) | FOR(SHOW) | FOR(EVENTS) | FOR(PEEK) | FOR(CHECK) | FOR(DOCTOR) | FOR(DROP) | FOR(KICK) |
              FOR(PURGE),
     .help = "print JSON"},
    {.name = "follow",
     .kind = OPTION_IS_FLAG,
     AT(follow),
     .verbs = FOR(EVENTS),
     .help = "go on with what happens from now on, until the queue is removed"},
    {.name = "raw",
     .kind = OPTION_IS_FLAG,
     AT(raw),
     .verbs = FOR(PEEK),
     .help = "print the payloads alone, each with a newline; with N = 1, the payload as it is"},
    {.name = "prometheus",
     .code = FORMAT_PROMETHEUS,
     .verbs = FOR(LIST) | FOR(SHOW),
     .help = "print metrics for Prometheus"},
    {.name = "sort",
     .kind = OPTION_IS_CHOICE,
     AT(order),
     .verbs = FOR(LIST),
     .argument = "KEY",
     .choices = LIST_ORDERS,
     .synonym = LIST_ORDER_SYNONYM,
     .help = "sort by KEY, the greatest first: messages, oldest, full, memory, producers or consumers; or by "
             "owner or name (the default), in ascending order"},
    {.name = "watch",
     .kind = OPTION_IS_DURATION,
     AT(watch_ns),
     .verbs = FOR(LIST) | FOR(SHOW),
     .min = WATCH_MIN_NS,
     .argument = "[DURATION]",
     .help = "look again every DURATION (1s) until SIGINT or SIGTERM, then exit 0. On a terminal, the table is "
             "redrawn in place; elsewhere, an empty line separates the looks"},
    {.name = "alert",
     .code = MONITOR_ALERT,
     .verbs = FOR(LIST) | FOR(SHOW) | FOR(WAIT),
     .argument = "CONDITION",
     .help =
         "exit 4 if CONDITION holds, such as full>80% or oldest>5m (see below), and say for which queue and why. "
         "list prints only the queues for which it holds; with -q, list and show print nothing. May be repeated: "
         "one has to hold. wait and --watch then end at once"},
    {.name = "empty",
     .kind = OPTION_IS_FLAG,
     AT(empty),
     .verbs = FOR(WAIT),
     .help = "also wait until all messages are acknowledged"},
    {.name = "timeout",
     .kind = OPTION_IS_DURATION,
     AT(timeout_ns),
     .verbs = FOR(WAIT) | FOR(KICK),
     .argument = "DURATION",
     .help = "give up after DURATION; wait: exit 4; kick: of waiting for room for a message (5s)"},
    {.name = "to",
     .kind = OPTION_IS_TEXT,
     AT(to),
     .verbs = FOR(KICK),
     .argument = "QUEUE",
     .help = "move the messages to QUEUE, wherever they came from"},
    {.name = "lane",
     .kind = OPTION_IS_COUNT32,
     .max = SHMQ_LANES_MAX - 1,
     AT(lane),
     .verbs = FOR(FINISH) | FOR(PEEK),
     .argument = "N",
     .help = "only lane N, as numbered by show; finish: exit 1 if its producer is alive"},
    {.name = "fix",
     .kind = OPTION_IS_FLAG,
     AT(fix),
     .verbs = FOR(DOCTOR),
     .help =
         "mend what can be mended without losing anything, and say so: leftover, missing and wrong semaphores, "
         "and what an interrupted creation or removal has left"},
    {.name = "now",
     .kind = OPTION_IS_FLAG,
     AT(now),
     .verbs = FOR(SHUTDOWN),
     .help = "stop delivery at once; undelivered messages stay in the queue"},
    {.name = "force",
     .kind = OPTION_IS_FLAG,
     AT(force),
     .verbs = FOR(REMOVE) | FOR(PURGE) | FOR(SAVE),
     .help = "even if the queue is in use, not empty or damaged; purge: even if there are messages; save: replace "
             "FILE"},
    {.name = "listen",
     .kind = OPTION_IS_TEXT,
     AT(listen),
     .verbs = FOR(METRICS),
     .argument = "ADDRESS:PORT",
     .help =
         "where to serve them (" LISTEN_ADDRESS_DEFAULT "); port 0: any free port, which is printed. There is no "
         "authentication, so other addresses than loopback show every name to whoever can connect"},
    {.name = "textfile",
     .kind = OPTION_IS_TEXT,
     AT(textfile),
     .verbs = FOR(METRICS),
     .argument = "FILE",
     .help =
         "write them to FILE instead, which is always whole: for the textfile collector of the node exporter; -: "
         "once to standard output"},
    {.name = "interval",
     .kind = OPTION_IS_DURATION,
     AT(interval_ns),
     .verbs = FOR(METRICS),
     .argument = "DURATION",
     .help = "with --textfile: again every DURATION until it is stopped, not once"},
    {.name = NULL},
};

static const struct option_section own_section = {.title = "Options:", .entries = own};

static const struct option_group groups[] = {
    {.section = &own_section},
    {.section = &option_common_section, AT(common)},
    {.section = &option_creating_section,
     .refused = "a creating option: the monitor creates no queue (give it to a producer)"},
    {.section = NULL},
};

const struct option_table monitor_options = {
    .usage = "VERB [NAME] [OPTION...]",
    .purpose = "inspect and manage queues",
    .summary = "Inspects and manages queues. Inspecting changes nothing in a queue, and works while it is in use "
               "and after all its processes have died. NAME may also be given by -Q or $SHMQ_QUEUE. "
               "FILE, which has a '/' in it, is a copy of a queue: as save makes it, or 'cp /dev/shm/shmq.NAME .' "
               "where its processes have ended.",
    .verbs = verbs,
    .groups = groups,
    .ending =
        "What list shows: the state, which is empty, ok, how full it is (from 50 %), full, paused, draining "
        "(shut down, but not yet empty), unfinished (a producer died before it finished), shut down, damaged or "
        "the like; the messages, and the age of the "
        "oldest; "
        "producers and consumers alive; the memory that the queue occupies; its owner.\n\n"
        "What show counts, in its table and as JSON: MESSAGES (messages) are put and not acknowledged. LEASED "
        "(leased) are those of them that a consumer has taken; the sum over all lanes is that over all seats. "
        "payload (message_bytes) is the bytes of messages alone. stream (put_bytes) is what "
        "was put including framing, such as each newline: in JSON, that of a lane is the size of its file with "
        "{prefix}consumer --mirror. % is how much of the lane's capacity is taken, in cells of 64 bytes "
        "(used_bytes). OLDEST is the age of the oldest message; FOR, how long a consumer has had what it has.\n\n"
        "States of producers and consumers: running; blocked (waits for room); asleep (waits for messages); aside "
        "(waits "
        "for a message that was put aside to be due, or is one that waits for its consumer); paused; stopped (by "
        "a "
        "signal or a tracer; since when is told by when it was last seen at work); dead (with something "
        "unfinished); "
        "left (its messages wait to be taken over); gone (died, with nothing undone); finished. "
        "In a copy, they are what they were when save made it; in copy: it was made in another way, so whether it "
        "was "
        "alive is not known. All ages in a copy are those of the moment that it shows (as of).\n\n"
        "Conditions of --alert: a name, one of > >= < <=, and a value; several with commas between them. full: "
        "fill_percent, such as 80%. oldest: age of the oldest message, such as 5m. bytes: payload; memory: what "
        "the "
        "queue occupies; both such as 100M. messages, leased, producers, consumers (alive), blocked (producers "
        "waiting for room), dead (producers that died without finishing, and consumers that died with messages): "
        "numbers. A damaged queue is an alert, too.\n\n"
        "What peek prints: a line about each message, its headers, and its payload behind '| ', in which a byte "
        "that "
        "is not printable ASCII is \\n, \\t, \\\\ or \\xHH. As JSON, each byte of headers and payload is one "
        "character, "
        "U+0000 to U+00FF.\n\n"
        "As JSON, events prints an object a line: number (from 0), kind, party (producer, consumer, supervisor, "
        "observer or null) and party_number (lane or seat) of who did it, its pid, about and about_number of whom "
        "it is about, value (messages, nanoseconds, a pid or a position), monotonic_ns, realtime_ns (since 1970), "
        "and text. An event whose writer was killed has the kind unreadable.\n\n"
        "As JSON, check prints one object: name, problems (a list of texts) and sound (true or false, or null if "
        "it could not be read to the end).\n\n"
        "Exit status: 0 done; 1 failed, no such queue; 2 usage; 3 wait --empty: the queue was shut down at once, "
        "so "
        "its messages stay; 4 timed out, or an --alert holds; 5 queue damaged or of another version.",
    .bare = "watch",
    .other = "watch=1",
    .examples = {{"{self} show jobs", "show who uses the queue jobs and how full it is"},
                 {"{self} wait jobs --empty --timeout 1m", "wait until all messages are processed"},
                 {"{self} metrics --textfile /var/lib/prometheus/node-exporter/shmq.prom",
                  "write metrics of all queues for the node exporter"}},
};
