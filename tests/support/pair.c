/* SPDX-License-Identifier: MIT */
#include "tests/support/pair.h"

#include <check.h>

#include "tests/support/harness.h"
#include "tests/support/planted.h"

const char *name;
struct shmq_options small;
struct shmq *producer;
struct shmq *consumer;

void pair_open(void)
{
    producer = planted_open(name, SHMQ_PRODUCER, &small);
    consumer = planted_open(name, SHMQ_CONSUMER, &small);
}

void pair_set_up(void)
{
    small = planted_small();
    name = test_name("pair");
    pair_open();
}

void pair_tear_down(void)
{
    (void)shmq_close(producer);
    (void)shmq_close(consumer);
    (void)shmq_remove(name, true);
}

void pair_tear_down_intact(void)
{
    ck_assert_int_eq(shmq_check(consumer, NULL, NULL), 0);
    ck_assert_int_eq(shmq_close(producer), 0);
    ck_assert_int_eq(shmq_close(consumer), 0);
    ck_assert_int_eq(shmq_remove(name, true), 0);
}
