#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Python's multiprocessing.Queue between processes, or queue.Queue between threads of one process.

Takes the options of the other contenders (bench/support/harness.c), writes the same lines, and ends with the same
statuses. A message is bytes; its first eight are its number, and all of it goes through zlib.crc32, the fastest way
of the standard library to read every byte.
"""

import argparse
import ctypes
import math
import multiprocessing
import os
import queue
import signal
import sys
import threading
import time
import zlib

PRODUCER_SHIFT = 40
CHUNK = 64
DEADLINE_S = 30
CONTEXT = multiprocessing.get_context("fork")


def parse_arguments():
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("kind", choices=["multiprocessing", "threads"])
    parser.add_argument("--load", choices=["stream", "round-trip", "many"], default="stream")
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=0.3)
    parser.add_argument("--messages", type=int, default=0)
    parser.add_argument("--pause", type=int, default=0)
    parser.add_argument("--histogram")
    parser.add_argument("--shape", default="2x2")
    parser.add_argument("--room", type=int, default=0)
    parser.add_argument("--capacity", type=int, default=8 << 20)
    parser.add_argument("--cpus", default="0,1" if os.cpu_count() > 1 else "0,0")
    parser.add_argument("--header", action="store_true")
    arguments = parser.parse_args()
    if arguments.size < 8 or arguments.size % 8:
        parser.error("--size: a multiple of 8")
    return arguments


class Source:
    """Creates the messages of one producer."""

    def __init__(self, size, producer=0):
        self.number = producer << PRODUCER_SHIFT
        self.rest = bytes(i * 37 & 255 for i in range(size - 8))

    def take(self):
        message = self.number.to_bytes(8, "little") + self.rest
        self.number += 1
        return message


class Checker:
    """Reads each message completely; checks the messages of each producer by their order."""

    def __init__(self, size, producers=1):
        self.size = size
        self.rest = zlib.crc32(Source(size).rest)
        self.next = [p << PRODUCER_SHIFT for p in range(producers)]
        self.strict = producers == 1
        self.got = 0
        self.bad = 0

    def take(self, message):
        number = int.from_bytes(message[:8], "little")
        producer = number >> PRODUCER_SHIFT
        right = len(message) == self.size and zlib.crc32(memoryview(message)[8:]) == self.rest
        if not right or producer >= len(self.next):
            self.bad += 1
            return
        expected = self.next[producer]
        self.bad += number < expected or (self.strict and number != expected)
        self.next[producer] = number + 1
        self.got += 1


def room_of(arguments):
    each = (arguments.size + 63) // 64 * 64
    return arguments.room or max(1, arguments.capacity // each)


def make_queue(arguments):
    room = room_of(arguments)
    if arguments.kind == "threads":
        return queue.Queue(room)
    # A semaphore bounds it, and its value has a maximum.
    return CONTEXT.Queue(min(room, 32767))


def start(arguments, body, *rest, cpu=None):
    """Starts a thread or a process."""

    def pinned():
        if cpu is not None and arguments.kind == "multiprocessing":
            os.sched_setaffinity(0, {cpu})
        body(*rest)

    if arguments.kind == "threads":
        worker = threading.Thread(target=pinned, daemon=True)
    else:
        worker = CONTEXT.Process(target=pinned, daemon=True)
    worker.start()
    return worker


def shared(arguments, kind, initial=0):
    if arguments.kind == "threads":
        return ctypes.c_longlong(initial) if kind == "q" else ctypes.c_double(initial)
    return CONTEXT.Value(kind, initial, lock=False)


def fail(text):
    """Ends this process, also from one of its threads."""
    print("python_queue: " + text, file=sys.stderr, flush=True)
    for child in multiprocessing.active_children():
        child.kill()
    os._exit(1)


def join_all(workers):
    end = time.monotonic() + DEADLINE_S
    for worker in workers:
        worker.join(max(0, end - time.monotonic()))
        if worker.is_alive():
            fail("not done after %d s" % DEADLINE_S)
        if getattr(worker, "exitcode", 0) != 0:
            fail("a process failed")


def check(bad, got, expected):
    if bad or got != expected:
        fail("of %d messages, %d came, and %d were wrong" % (expected, got, bad))


def name_of(arguments):
    return "python_" + arguments.kind


# ---------------------------------------------------------------------- stream


def stream_once(arguments, channel, source, checker, count):
    """Moves the given number of messages. Returns the seconds from the first to the last."""
    began, ended = shared(arguments, "d"), shared(arguments, "d")
    got, bad = shared(arguments, "q"), shared(arguments, "q")

    def produce():
        began.value = time.monotonic()
        for _ in range(count):
            channel.put(source.take())

    def consume():
        for _ in range(count):
            checker.take(channel.get())
        ended.value = time.monotonic()
        got.value, bad.value = checker.got, checker.bad

    cpus = [int(cpu) for cpu in arguments.cpus.split(",")]
    before = checker.got
    join_all([start(arguments, consume, cpu=cpus[1]), start(arguments, produce, cpu=cpus[0])])
    check(bad.value, got.value, before + count)
    return ended.value - began.value


def stream(arguments):
    count = max(1, min(2000, (8 << 20) // arguments.size))
    warm_s = stream_once(arguments, make_queue(arguments), Source(arguments.size), Checker(arguments.size), count)
    count = arguments.messages or max(1, int(count / warm_s * arguments.seconds))
    channel = make_queue(arguments)
    seconds = stream_once(arguments, channel, Source(arguments.size), Checker(arguments.size), count)
    if arguments.header:
        print("contender,bytes,messages,seconds,messages_per_s,bytes_per_s,producer_sleeps,consumer_sleeps,line_ns")
    rate = count / seconds
    print("%s,%d,%d,%.6f,%.0f,%.0f,0,0,0"
          % (name_of(arguments), arguments.size, count, seconds, rate, rate * arguments.size))


# ---------------------------------------------------------------------- round trip


def answer(arguments, there, back, count):
    checker, source = Checker(arguments.size), Source(arguments.size)
    for _ in range(count):
        checker.take(there.get())
        back.put(source.take())
    check(checker.bad, checker.got, count)


def ask(arguments, there, back, count, report):
    checker, source, times = Checker(arguments.size), Source(arguments.size), []
    for _ in range(count):
        if arguments.pause:
            time.sleep(arguments.pause / 1e6)
        began = time.monotonic_ns()
        there.put(source.take())
        checker.take(back.get())
        times.append(time.monotonic_ns() - began)
    check(checker.bad, checker.got, count)
    report(times)


def write_times(arguments, times):
    """Uses 64 buckets for each power of two, as the other contenders do."""
    counts = {}
    for ns in times:
        step = 1 << max(0, ns.bit_length() - 7)
        middle = ns // step * step + step // 2
        counts[middle] = counts.get(middle, 0) + 1
    with open(arguments.histogram, "w", encoding="ascii") as out:
        for ns in sorted(counts):
            out.write("%d,%d\n" % (ns, counts[ns]))


def report_times(arguments, times):
    times.sort()
    if arguments.header:
        print("contender,bytes,pause_us,trips,p50_ns,p90_ns,p99_ns,p99.9_ns,p99.99_ns,most_ns,line_ns")
    shares = [times[max(0, math.ceil(share * len(times)) - 1)] for share in (0.5, 0.9, 0.99, 0.999, 0.9999)]
    print("%s,%d,%d,%d,%s,%d,0" % (name_of(arguments), arguments.size, arguments.pause, len(times),
                                   ",".join(map(str, shares)), times[-1]), flush=True)
    if arguments.histogram:
        write_times(arguments, times)


def travel(arguments, count, report):
    there, back = make_queue(arguments), make_queue(arguments)
    cpus = [int(cpu) for cpu in arguments.cpus.split(",")]
    workers = [start(arguments, answer, arguments, there, back, count, cpu=cpus[1]),
               start(arguments, ask, arguments, there, back, count, report, cpu=cpus[0])]
    join_all(workers)


def round_trip(arguments):
    count = 200
    began = time.monotonic()
    travel(arguments, count, lambda times: None)
    each = (time.monotonic() - began) / count
    count = arguments.messages or max(1, int(arguments.seconds / each))
    travel(arguments, count, lambda times: report_times(arguments, times))


# ---------------------------------------------------------------------- many


def many(arguments):
    producers, consumers = (int(number) for number in arguments.shape.split("x"))
    channel = make_queue(arguments)
    stop = shared(arguments, "q")
    sent = [shared(arguments, "q", -1) for _ in range(producers)]
    got = [shared(arguments, "q") for _ in range(consumers)]
    sums = [shared(arguments, "q") for _ in range(consumers)]
    bad = [shared(arguments, "q") for _ in range(consumers)]

    def produce(number):
        source, count = Source(arguments.size, number), 0
        while not stop.value:
            for _ in range(CHUNK):
                channel.put(source.take())
            count += CHUNK
        sent[number].value = count
        while True:
            time.sleep(1)

    def consume(number):
        checker = Checker(arguments.size, producers)
        checker.strict = False
        while True:
            message = channel.get()
            checker.take(message)
            sums[number].value += int.from_bytes(message[:8], "little") & ((1 << PRODUCER_SHIFT) - 1)
            bad[number].value = checker.bad
            got[number].value = checker.got

    for number in range(consumers):
        start(arguments, consume, number)
    for number in range(producers):
        start(arguments, produce, number)
    time.sleep(0.2)
    began, before = time.monotonic(), sum(value.value for value in got)
    time.sleep(arguments.seconds)
    after, seconds = sum(value.value for value in got), time.monotonic() - began
    stop.value = 1
    end = time.monotonic() + DEADLINE_S
    while any(value.value < 0 for value in sent) or sum(value.value for value in got) < sum(v.value for v in sent):
        if time.monotonic() > end:
            fail("not every message that was sent has arrived")
        time.sleep(0.001)
    expected = sum(value.value * (value.value - 1) // 2 for value in sent)
    time.sleep(0.01)
    wrong = sum(value.value for value in bad) + (sum(value.value for value in sums) != expected)
    check(wrong, sum(value.value for value in got), sum(value.value for value in sent))
    if arguments.header:
        print("contender,bytes,producers,consumers,messages,seconds,messages_per_s,bytes_per_s,line_ns")
    rate = (after - before) / seconds
    print("%s,%d,%d,%d,%d,%.6f,%.0f,%.0f,0" % (name_of(arguments), arguments.size, producers, consumers,
                                           after - before, seconds, rate, rate * arguments.size), flush=True)
    for child in multiprocessing.active_children():
        child.kill()


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    arguments = parse_arguments()
    {"stream": stream, "round-trip": round_trip, "many": many}[arguments.load](arguments)
    sys.stdout.flush()
    # Skips waiting for threads and for the queues' feeder threads.
    os._exit(0)


main()
