/* SPDX-License-Identifier: MIT */
#include "monitor/options.h"

const char monitor_help[] =
    "Usage: {self} VERB [NAME] [OPTION...]\n"
    "Looks after queues. Reading changes nothing in them, and works while they are used and after all who used\n"
    "them died. NAME may also be given by -Q or $SHMQ_QUEUE.\n"
    "\n"
    "  list                  all queues of this host\n"
    "  show NAME             a queue, its lanes (a producer's each) and its seats (a consumer's each)\n"
    "  check NAME            verify everything that must hold in it; exit 0, or 5 and what does not\n"
    "  wait NAME             until it exists; with --empty, until all in it is acknowledged, too\n"
    "  shutdown NAME         no more messages are taken in; what is in it is still delivered\n"
    "  remove NAME           delete it, if it is empty and nobody uses it\n"
    "\n"
    "      --json            list, show: as JSON\n"
    "      --prometheus      list, show: as metrics for Prometheus\n"
    "      --empty           wait: see there\n"
    "      --timeout DURATION  wait: at most so long, then exit 4\n"
    "      --now             shutdown: what is in it is not delivered any more, but stays\n"
    "      --force           remove: also while it is used, has messages in it, or is damaged\n"
    "\n"
    "Exit status: 0 done; 1 failed, no such queue; 2 usage; 4 timed out; 5 queue damaged or of another version.\n"
    "\n";
