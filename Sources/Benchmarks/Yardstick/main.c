/*
 * adjutant-yardstick: what raw librdkafka does with the work Adjutant does, and nothing else.
 *
 * One thread consumes commands one message at a time (the batch calls of librdkafka 2.0.2 lose records around pauses and
 * rebalances), reads their CloudEvents headers, and produces for each a result event and an audit event shaped like
 * Adjutant's. Offsets are committed contiguously per partition, and only past commands whose two events the broker has
 * acknowledged. At the end one line of JSON on stdout says how long that took.
 *
 * Where it takes less trouble than Adjutant, in its own favour: the data is not decoded but copied into the result, no
 * handler runs, event ids are derived by changing two characters instead of a SHA-1 (same size), keys hold no
 * order beyond the loop's own, and a failed delivery ends the run instead of being tried again.
 *
 * Exit codes: 0 done, 1 error, 3 topic missing, 5 unreachable or timed out, 64 usage, 130/143 signals.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <librdkafka/rdkafka.h>

enum { EXIT_ERROR = 1, EXIT_MISSING = 3, EXIT_UNREACHABLE = 5, EXIT_USAGE = 64 };
enum {
    MAX_ID = 128,          /* bytes of a command id, as in the contract */
    MAX_TYPE = 128,        /* bytes of a command type */
    UUID_TEXT = 36,
    STAMP_TEXT = 27,       /* 2026-01-02T03:04:05.123456Z */
    EVENTS_PER_COMMAND = 2,
    COMMANDS_PER_SERVE = 64, /* delivery reports are fetched once for so many commands */
};

/* ---- settings ------------------------------------------------------------------------------------------------- */

static struct {
    const char *bootstrap_servers, *topic, *results, *audit, *group;
    long count, commit_every_ms, timeout_s, progress_ms;
    bool read_headers, verbose;
} settings = {
    .topic = "lab.commands", .results = "lab.results", .audit = "lab.audit", .group = "adjutant.yardstick",
    .commit_every_ms = 1000, .timeout_s = 30, .read_headers = true,
};

/* ---- state ---------------------------------------------------------------------------------------------------- */

/* A command whose events are on their way. */
struct slot {
    int64_t offset;
    int pending;
};

/* One partition's commands in offset order, from the oldest that is not fully acknowledged to the newest. */
struct partition {
    struct slot *slots; /* a ring; a command's slot is its sequence number modulo the capacity */
    uint32_t capacity, head, tail;
    int64_t committable; /* offset after the contiguous acknowledged prefix, or -1 */
    bool moved;          /* committable changed since it was last committed */
};

static rd_kafka_t *consumer, *producer;
static rd_kafka_topic_t *results_topic, *audit_topic;
static struct partition *partitions;
static int32_t partition_count;
static uint16_t epoch; /* of the assignment; reports from before a revoke are not counted into rings */
static long handled, acknowledged, commits;
static int64_t first_message_ns, last_ack_ns;
static char worker[96];
static volatile sig_atomic_t stop_signal;

static int failure;             /* exit code once something is beyond repair */
static char failure_text[512];

__attribute__((format(printf, 2, 3))) static void fail(int code, const char *format, ...)
{
    if (failure) return; /* the first one is the cause */
    failure = code;
    va_list args;
    va_start(args, format);
    vsnprintf(failure_text, sizeof failure_text, format, args);
    va_end(args);
}

static int64_t monotonic_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

static int64_t micros(const struct timespec *t)
{
    return t->tv_sec * INT64_C(1000000) + t->tv_nsec / 1000;
}

/* RFC 3339 in UTC with microseconds. The part down to the second is kept from call to call. */
static void write_stamp(char out[STAMP_TEXT + 1], const struct timespec *t)
{
    static char prefix[32];
    static time_t prefix_of = -1;
    if (t->tv_sec != prefix_of) {
        struct tm utc;
        gmtime_r(&t->tv_sec, &utc);
        strftime(prefix, sizeof prefix, "%Y-%m-%dT%H:%M:%S.", &utc);
        prefix_of = t->tv_sec;
    }
    memcpy(out, prefix, 20);
    unsigned us = (unsigned)(t->tv_nsec / 1000);
    for (int i = 25; i >= 20; i--, us /= 10) out[i] = (char)('0' + us % 10);
    out[26] = 'Z';
    out[27] = '\0';
}

/* ---- acknowledgements and offsets ----------------------------------------------------------------------------- */

static void drop_partitions(void)
{
    for (int32_t i = 0; i < partition_count; i++) free(partitions[i].slots);
    free(partitions);
    partitions = NULL;
    partition_count = 0;
}

static struct partition *partition_at(int32_t index)
{
    if (index >= partition_count) {
        struct partition *grown = realloc(partitions, (size_t)(index + 1) * sizeof *grown);
        if (!grown) abort();
        partitions = grown;
        for (; partition_count <= index; partition_count++)
            partitions[partition_count] = (struct partition){.committable = -1};
    }
    return &partitions[index];
}

/* Opens a slot and packs where it is into the opaque pointer of both events. */
static void *track(const rd_kafka_message_t *command)
{
    struct partition *p = partition_at(command->partition);
    if (p->tail - p->head == p->capacity) {
        uint32_t capacity = p->capacity ? p->capacity * 2 : 1024;
        struct slot *slots = malloc(capacity * sizeof *slots);
        if (!slots) abort();
        for (uint32_t s = p->head; s != p->tail; s++) slots[s & (capacity - 1)] = p->slots[s & (p->capacity - 1)];
        free(p->slots);
        p->slots = slots;
        p->capacity = capacity;
    }
    uint32_t sequence = p->tail++;
    p->slots[sequence & (p->capacity - 1)] =
        (struct slot){.offset = command->offset, .pending = EVENTS_PER_COMMAND};
    return (void *)(uintptr_t)((uint64_t)epoch << 48 | (uint64_t)command->partition << 32 | sequence);
}

static void on_delivery(rd_kafka_t *rk, const rd_kafka_message_t *event, void *opaque)
{
    (void)rk, (void)opaque;
    if (event->err) {
        if (event->err != RD_KAFKA_RESP_ERR__PURGE_QUEUE && event->err != RD_KAFKA_RESP_ERR__PURGE_INFLIGHT)
            fail(event->err == RD_KAFKA_RESP_ERR__MSG_TIMED_OUT ? EXIT_UNREACHABLE : EXIT_ERROR,
                 "event not delivered to %s: %s", rd_kafka_topic_name(event->rkt), rd_kafka_err2str(event->err));
        return;
    }
    acknowledged++;
    uint64_t at = (uint64_t)(uintptr_t)event->_private;
    if ((uint16_t)(at >> 48) != epoch) return;
    struct partition *p = &partitions[(at >> 32) & 0xffff];
    p->slots[(uint32_t)at & (p->capacity - 1)].pending--;
    while (p->head != p->tail) {
        const struct slot *oldest = &p->slots[p->head & (p->capacity - 1)];
        if (oldest->pending) break;
        p->committable = oldest->offset + 1;
        p->moved = true;
        p->head++;
    }
}

static void commit_acknowledged(bool async)
{
    rd_kafka_topic_partition_list_t *offsets = rd_kafka_topic_partition_list_new(partition_count);
    for (int32_t i = 0; i < partition_count; i++) {
        if (!partitions[i].moved) continue;
        rd_kafka_topic_partition_list_add(offsets, settings.topic, i)->offset = partitions[i].committable;
        partitions[i].moved = false;
    }
    if (offsets->cnt) {
        rd_kafka_resp_err_t err = rd_kafka_commit(consumer, offsets, async);
        if (err) fail(EXIT_ERROR, "commit failed: %s", rd_kafka_err2str(err));
        else if (!async) commits++;
    }
    rd_kafka_topic_partition_list_destroy(offsets);
}

static void on_commit(rd_kafka_t *rk, rd_kafka_resp_err_t err, rd_kafka_topic_partition_list_t *offsets, void *opaque)
{
    (void)rk, (void)offsets, (void)opaque;
    if (!err) commits++;
    else if (err != RD_KAFKA_RESP_ERR__NO_OFFSET) fprintf(stderr, "yardstick: commit: %s\n", rd_kafka_err2str(err));
}

static void on_rebalance(
    rd_kafka_t *rk, rd_kafka_resp_err_t err, rd_kafka_topic_partition_list_t *list, void *opaque)
{
    (void)opaque;
    if (err == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS) {
        for (int i = 0; i < list->cnt; i++) {
            if (list->elems[i].partition > UINT16_MAX) fail(EXIT_ERROR, "more than %d partitions", UINT16_MAX + 1);
            else partition_at(list->elems[i].partition);
        }
        rd_kafka_assign(rk, list);
        return;
    }
    if (!rd_kafka_assignment_lost(rk)) {
        rd_kafka_flush(producer, 5000); /* serves on_delivery */
        commit_acknowledged(false);
    }
    drop_partitions();
    epoch++;
    rd_kafka_assign(rk, NULL);
}

static void on_error(rd_kafka_t *rk, int err, const char *reason, void *opaque)
{
    (void)opaque;
    if (err == RD_KAFKA_RESP_ERR__FATAL) {
        char text[256];
        rd_kafka_resp_err_t code = rd_kafka_fatal_error(rk, text, sizeof text);
        fail(EXIT_ERROR, "%s: %s", rd_kafka_err2name(code), text);
    } else if (err == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN) {
        if (!handled) fail(EXIT_UNREACHABLE, "no broker answers at %s", settings.bootstrap_servers);
    } else if (err == RD_KAFKA_RESP_ERR__AUTHENTICATION) {
        fail(EXIT_ERROR, "%s", reason);
    } else if (settings.verbose) {
        fprintf(stderr, "yardstick: %s: %s\n", rd_kafka_err2name((rd_kafka_resp_err_t)err), reason);
    }
}

/* ---- events --------------------------------------------------------------------------------------------------- */

struct text {
    const char *bytes;
    size_t size;
};
#define TEXT(literal) ((struct text){literal, sizeof literal - 1})

static void add_header(rd_kafka_headers_t *headers, struct text name, struct text value)
{
    rd_kafka_header_add(headers, name.bytes, (ssize_t)name.size, value.bytes, (ssize_t)value.size);
}
#define ADD(name, value) add_header(headers, TEXT(name), value)

static void produce(
    rd_kafka_topic_t *topic, struct text key, struct text value, rd_kafka_headers_t *headers, void *slot)
{
    rd_kafka_vu_t fields[] = {
        {.vtype = RD_KAFKA_VTYPE_RKT, .u.rkt = topic},
        {.vtype = RD_KAFKA_VTYPE_KEY, .u.mem = {(void *)(uintptr_t)key.bytes, key.size}},
        {.vtype = RD_KAFKA_VTYPE_VALUE, .u.mem = {(void *)(uintptr_t)value.bytes, value.size}},
        {.vtype = RD_KAFKA_VTYPE_MSGFLAGS, .u.i = RD_KAFKA_MSG_F_COPY},
        {.vtype = RD_KAFKA_VTYPE_OPAQUE, .u.ptr = slot},
        {.vtype = RD_KAFKA_VTYPE_HEADERS, .u.headers = headers},
    };
    for (;;) {
        rd_kafka_error_t *error = rd_kafka_produceva(producer, fields, sizeof fields / sizeof *fields);
        if (!error) return; /* the headers are the message's now */
        bool full = rd_kafka_error_code(error) == RD_KAFKA_RESP_ERR__QUEUE_FULL;
        if (!full) fail(EXIT_ERROR, "produce: %s", rd_kafka_error_string(error));
        rd_kafka_error_destroy(error);
        if (!full || failure || stop_signal) break;
        rd_kafka_poll(producer, 10);
    }
    rd_kafka_headers_destroy(headers);
}

/* The envelope of a command as far as the events need it. The texts point into the message. */
struct envelope {
    struct text id, type, correlation;
};

static bool read_envelope(rd_kafka_message_t *command, struct envelope *envelope, char made_up_id[UUID_TEXT + 1])
{
    *envelope = (struct envelope){{NULL, 0}, {NULL, 0}, {NULL, 0}};
    if (!settings.read_headers) {
        snprintf(made_up_id, UUID_TEXT + 1, "%08x-0000-7000-8000-%012" PRIx64, (unsigned)command->partition,
                 (uint64_t)command->offset & UINT64_C(0xffffffffffff));
        envelope->id = envelope->correlation = (struct text){made_up_id, UUID_TEXT};
        envelope->type = TEXT("lab.run");
        return true;
    }
    rd_kafka_headers_t *headers;
    if (rd_kafka_message_headers(command, &headers)) return false;
    const char *name;
    const void *value;
    size_t size;
    for (size_t i = 0; !rd_kafka_header_get_all(headers, i, &name, &value, &size); i++) {
        if (strncmp(name, "ce_", 3) != 0) continue;
        struct text text = {value, size};
        if (!strcmp(name + 3, "id")) envelope->id = text;
        else if (!strcmp(name + 3, "type")) envelope->type = text;
        else if (!strcmp(name + 3, "correlationid")) envelope->correlation = text;
    }
    if (!envelope->correlation.size) envelope->correlation = envelope->id;
    return envelope->id.size && envelope->id.size <= MAX_ID && envelope->type.size && envelope->type.size <= MAX_TYPE;
}

/* As long as a UUIDv5 and different for each kind of event, but no digest: the command's id with two characters changed. */
static void derive_id(char out[UUID_TEXT], struct text command_id, char kind)
{
    memcpy(out, "00000000-0000-5000-8000-000000000000", UUID_TEXT);
    memcpy(out, command_id.bytes, command_id.size < UUID_TEXT ? command_id.size : UUID_TEXT);
    out[0] = kind;
    out[14] = '5';
}

static rd_kafka_headers_t *event_headers(
    size_t count, const char id[UUID_TEXT], struct text type, const char *time, const struct envelope *command)
{
    rd_kafka_headers_t *headers = rd_kafka_headers_new(count);
    ADD("ce_specversion", TEXT("1.0"));
    ADD("ce_id", ((struct text){id, UUID_TEXT}));
    ADD("ce_source", TEXT("adjutant/lab"));
    ADD("ce_type", type);
    ADD("ce_time", ((struct text){time, STAMP_TEXT}));
    ADD("ce_subject", command->id);
    ADD("ce_causationid", command->id);
    ADD("ce_correlationid", command->correlation);
    ADD("content-type", TEXT("application/json"));
    return headers;
}

static void handle(rd_kafka_message_t *command)
{
    struct timespec received, started, finished;
    char received_at[STAMP_TEXT + 1], started_at[STAMP_TEXT + 1], finished_at[STAMP_TEXT + 1];
    clock_gettime(CLOCK_REALTIME, &received);

    struct envelope envelope;
    char made_up_id[UUID_TEXT + 1];
    if (!read_envelope(command, &envelope, made_up_id)) {
        fail(EXIT_ERROR, "%s/%" PRId32 "/%" PRId64 ": no command with ce_id and ce_type", settings.topic,
             command->partition, command->offset);
        return;
    }
    void *slot = track(command);
    struct text key = {command->key, command->key_len};
    struct text data = command->payload ? (struct text){command->payload, command->len} : TEXT("null");

    clock_gettime(CLOCK_REALTIME, &started);
    clock_gettime(CLOCK_REALTIME, &finished); /* the handler would have run in between */
    write_stamp(received_at, &received);
    write_stamp(started_at, &started);
    write_stamp(finished_at, &finished);

    char id[UUID_TEXT], type[MAX_TYPE + 16];
    static char *value;
    static size_t capacity;
    if (capacity < data.size + key.size + 1024) {
        capacity = (data.size + key.size) * 2 + 1024;
        free(value);
        if (!(value = malloc(capacity))) abort();
    }

    /* The result, under the command's key. */
    size_t size = 0;
    memcpy(value, "{\"echo\":", 8), size += 8;
    memcpy(value + size, data.bytes, data.size), size += data.size;
    size += (size_t)snprintf(
        value + size, capacity - size,
        ",\"attempt\":1,\"worker\":\"%s\",\"startedAt\":%" PRId64 ",\"finishedAt\":%" PRId64 "}", worker,
        micros(&started), micros(&finished));
    memcpy(type, envelope.type.bytes, envelope.type.size);
    memcpy(type + envelope.type.size, ".succeeded", 10);
    derive_id(id, envelope.id, 'e');
    rd_kafka_headers_t *headers =
        event_headers(10, id, (struct text){type, envelope.type.size + 10}, finished_at, &envelope);
    ADD("adjutant-attempt", TEXT("1"));
    produce(results_topic, key, (struct text){value, size}, headers, slot);

    /* The audit event, under the command's id. */
    size = (size_t)snprintf(
        value, capacity,
        "{\"commandId\":\"%.*s\",\"type\":\"%.*s\",\"key\":\"%.*s\",\"attempt\":1,\"class\":null,\"code\":null,"
        "\"worker\":\"%s\",\"origin\":{\"topic\":\"%s\",\"partition\":%" PRId32 ",\"offset\":%" PRId64 "},"
        "\"receivedAt\":\"%s\",\"startedAt\":\"%s\",\"finishedAt\":\"%s\"}",
        (int)envelope.id.size, envelope.id.bytes, (int)envelope.type.size, envelope.type.bytes, (int)key.size,
        key.size ? key.bytes : "", worker, settings.topic, command->partition, command->offset, received_at,
        started_at, finished_at);
    derive_id(id, envelope.id, 'a');
    headers = event_headers(9, id, TEXT("adjutant.command.succeeded"), finished_at, &envelope);
    produce(audit_topic, envelope.id, (struct text){value, size}, headers, slot);
    handled++;
}

/* ---- the loop ------------------------------------------------------------------------------------------------- */

static void run(void)
{
    int64_t idle_since = monotonic_ns(), next_commit = INT64_MAX, next_progress = settings.progress_ms ? 0 : INT64_MAX;
    while (handled < settings.count && !failure && !stop_signal) {
        rd_kafka_message_t *command = rd_kafka_consumer_poll(consumer, 5);
        if (!command) {
            rd_kafka_poll(producer, 0);
            if (!idle_since) idle_since = monotonic_ns();
            if (monotonic_ns() - idle_since > settings.timeout_s * INT64_C(1000000000))
                fail(EXIT_UNREACHABLE, "no command for %ld s; %ld of %ld handled", settings.timeout_s, handled,
                     settings.count);
        } else {
            if (!command->err) {
                if (!first_message_ns) {
                    first_message_ns = monotonic_ns();
                    next_commit = first_message_ns + settings.commit_every_ms * INT64_C(1000000);
                }
                handle(command);
            } else if (command->err == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART) {
                fail(EXIT_MISSING, "topic %s does not exist", settings.topic);
            } else if (command->err != RD_KAFKA_RESP_ERR__PARTITION_EOF) {
                fail(EXIT_ERROR, "consume: %s", rd_kafka_message_errstr(command));
            }
            rd_kafka_message_destroy(command);
            idle_since = 0;
            if (handled % COMMANDS_PER_SERVE) continue;
            rd_kafka_poll(producer, 0);
        }
        int64_t now = monotonic_ns();
        if (now >= next_commit) {
            commit_acknowledged(true);
            next_commit = now + settings.commit_every_ms * INT64_C(1000000);
        }
        if (partition_count && now >= next_progress) {
            printf("{\"acknowledged\":%ld,\"at\":%" PRId64 "}\n", acknowledged / EVENTS_PER_COMMAND, now / 1000);
            fflush(stdout);
            next_progress = now + settings.progress_ms * INT64_C(1000000);
        }
    }
    if (!failure && !stop_signal) {
        rd_kafka_resp_err_t err = rd_kafka_flush(producer, (int)settings.timeout_s * 1000);
        last_ack_ns = monotonic_ns();
        if (err)
            fail(EXIT_UNREACHABLE, "%ld of %ld events acknowledged after %ld s", acknowledged,
                 handled * EVENTS_PER_COMMAND, settings.timeout_s);
    }
}

/* ---- set-up --------------------------------------------------------------------------------------------------- */

static bool set(rd_kafka_conf_t *conf, const char *name, const char *value)
{
    char text[256];
    if (rd_kafka_conf_set(conf, name, value, text, sizeof text) == RD_KAFKA_CONF_OK) return true;
    fail(EXIT_USAGE, "%s", text);
    return false;
}

/*
 * The settings that made this loop fastest on two cores, broker included.
 *
 * The prefetch queues hold more than a run needs because the broker thread of librdkafka 2.0.2 sleeps up to a second once they
 * were full, even when they have long run dry (fetch.queue.backoff.ms came with 2.2): with librdkafka's own limits those
 * sleeps are half of the run. Refreshing metadata often wakes the thread too, but races with the group's join.
 */
static void apply_defaults(rd_kafka_conf_t *for_consumer, rd_kafka_conf_t *for_producer)
{
    set(for_consumer, "enable.auto.commit", "false");
    set(for_consumer, "enable.auto.offset.store", "false");
    set(for_consumer, "auto.offset.reset", "earliest");
    set(for_consumer, "fetch.wait.max.ms", "10"); /* the embedded broker holds an idle fetch for all of it */
    set(for_consumer, "queued.min.messages", "1000000");
    set(for_consumer, "queued.max.messages.kbytes", "1048576");
    set(for_consumer, "socket.nagle.disable", "true");
    set(for_producer, "socket.nagle.disable", "true");
    set(for_producer, "enable.idempotence", "true");
    set(for_producer, "linger.ms", "2");
    set(for_producer, "queue.buffering.max.messages", "200000");
    set(for_producer, "queue.buffering.max.kbytes", "262144");
    set(for_producer, "batch.num.messages", "10000");
    set(for_producer, "compression.codec", "none");
}

/* `name=value` for both clients, `consumer.name=value` or `producer.name=value` for one. */
static bool apply_override(rd_kafka_conf_t *for_consumer, rd_kafka_conf_t *for_producer, const char *pair)
{
    const char *equals = strchr(pair, '=');
    if (!equals || equals == pair) {
        fail(EXIT_USAGE, "-X %s: expected property=value", pair);
        return false;
    }
    char name[128];
    snprintf(name, sizeof name, "%.*s", (int)(equals - pair), pair);
    if (!strncmp(name, "consumer.", 9)) return set(for_consumer, name + 9, equals + 1);
    if (!strncmp(name, "producer.", 9)) return set(for_producer, name + 9, equals + 1);
    return set(for_consumer, name, equals + 1) && set(for_producer, name, equals + 1);
}

static bool topic_exists(rd_kafka_topic_t *topic)
{
    const struct rd_kafka_metadata *metadata;
    rd_kafka_resp_err_t err = rd_kafka_metadata(producer, 0, topic, &metadata, (int)settings.timeout_s * 1000);
    rd_kafka_poll(producer, 0);
    if (err) {
        fail(EXIT_UNREACHABLE, "no broker answers at %s: %s", settings.bootstrap_servers, rd_kafka_err2str(err));
        return false;
    }
    err = metadata->topic_cnt ? metadata->topics[0].err : RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
    if (err) fail(EXIT_MISSING, "topic %s: %s", rd_kafka_topic_name(topic), rd_kafka_err2str(err));
    rd_kafka_metadata_destroy(metadata);
    return !err;
}

static void connect_clients(rd_kafka_conf_t *for_consumer, rd_kafka_conf_t *for_producer)
{
    char text[512];
    producer = rd_kafka_new(RD_KAFKA_PRODUCER, for_producer, text, sizeof text);
    if (!producer) {
        rd_kafka_conf_destroy(for_producer);
        rd_kafka_conf_destroy(for_consumer);
        fail(EXIT_USAGE, "producer: %s", text);
        return;
    }
    consumer = rd_kafka_new(RD_KAFKA_CONSUMER, for_consumer, text, sizeof text);
    if (!consumer) {
        rd_kafka_conf_destroy(for_consumer);
        fail(EXIT_USAGE, "consumer: %s", text);
        return;
    }
    rd_kafka_poll_set_consumer(consumer);
    results_topic = rd_kafka_topic_new(producer, settings.results, NULL);
    audit_topic = rd_kafka_topic_new(producer, settings.audit, NULL);
    if (!results_topic || !audit_topic) {
        fail(EXIT_USAGE, "topic: %s", rd_kafka_err2str(rd_kafka_last_error()));
        return;
    }
    if (!topic_exists(results_topic) || !topic_exists(audit_topic)) return;

    rd_kafka_topic_partition_list_t *topics = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(topics, settings.topic, RD_KAFKA_PARTITION_UA);
    rd_kafka_resp_err_t err = rd_kafka_subscribe(consumer, topics);
    if (err) fail(EXIT_ERROR, "subscribe: %s", rd_kafka_err2str(err));
    rd_kafka_topic_partition_list_destroy(topics);
}

static void disconnect_clients(void)
{
    if (consumer) {
        rd_kafka_consumer_close(consumer);
        rd_kafka_destroy(consumer);
    }
    if (producer) {
        rd_kafka_purge(producer, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
        rd_kafka_flush(producer, 1000); /* serves the reports of what was purged */
        if (results_topic) rd_kafka_topic_destroy(results_topic);
        if (audit_topic) rd_kafka_topic_destroy(audit_topic);
        rd_kafka_destroy(producer);
    }
    drop_partitions();
}

static void on_signal(int signal)
{
    stop_signal = signal;
}

static void usage(FILE *out)
{
    fputs(
        "usage: adjutant-yardstick --bootstrap-servers HOST:PORT --count N [options]\n"
        "Handles N commands with a plain librdkafka loop and prints how long it took as one line of JSON.\n"
        "  --topic T            commands to read (lab.commands)\n"
        "  --results T          topic of the result events (lab.results)\n"
        "  --audit T            topic of the audit events (lab.audit)\n"
        "  --group G            consumer group (adjutant.yardstick)\n"
        "  --commit-every MS    time between two asynchronous commits (1000)\n"
        "  --timeout S          give up after so many seconds without a command or an acknowledgement (30)\n"
        "  --progress MS        from the first assignment on, print so often what is acknowledged\n"
        "  --no-headers-read    make up ids instead of reading the headers\n"
        "  -X property=value    librdkafka setting for both clients; consumer.P=V or producer.P=V for one\n"
        "  --verbose            librdkafka's passing errors on stderr\n"
        "example: adjutant-yardstick --bootstrap-servers 127.0.0.1:9092 --count 200000 -X producer.linger.ms=20\n",
        out);
}

static bool parse_number(const char *text, long least, long *number)
{
    char *end;
    errno = 0;
    long value = strtol(text, &end, 10);
    if (errno || end == text || *end || value < least) return false;
    *number = value;
    return true;
}

static void print_report(void)
{
    double seconds = (double)(last_ack_ns - first_message_ns) / 1e9;
    struct rusage use;
    getrusage(RUSAGE_SELF, &use);
    double cpu = (double)(use.ru_utime.tv_sec + use.ru_stime.tv_sec)
        + (double)(use.ru_utime.tv_usec + use.ru_stime.tv_usec) / 1e6;
    printf("{\"commands\":%ld,\"seconds\":%.6f,\"commandsPerSecond\":%.1f,\"firstMessageToLastAck\":%.6f,"
           "\"events\":%ld,\"commits\":%ld,\"cpuSeconds\":%.3f,\"peakResidentKiB\":%ld,\"allocator\":\"%s\","
           "\"librdkafka\":\"%s\"}\n",
           handled, seconds, (double)handled / seconds, seconds, acknowledged, commits, cpu, use.ru_maxrss,
           dlsym(RTLD_DEFAULT, "mallctl") ? "jemalloc" : "system", rd_kafka_version_str());
}

int main(int argc, char **argv)
{
    enum { BOOTSTRAP = 256, TOPIC, RESULTS, AUDIT, GROUP, COUNT, COMMIT_EVERY, TIMEOUT, PROGRESS, NO_READ, VERBOSE, HELP };
    static const struct option options[] = {
        {"bootstrap-servers", required_argument, NULL, BOOTSTRAP},
        {"topic", required_argument, NULL, TOPIC},
        {"results", required_argument, NULL, RESULTS},
        {"audit", required_argument, NULL, AUDIT},
        {"group", required_argument, NULL, GROUP},
        {"count", required_argument, NULL, COUNT},
        {"commit-every", required_argument, NULL, COMMIT_EVERY},
        {"timeout", required_argument, NULL, TIMEOUT},
        {"progress", required_argument, NULL, PROGRESS},
        {"no-headers-read", no_argument, NULL, NO_READ},
        {"verbose", no_argument, NULL, VERBOSE},
        {"help", no_argument, NULL, HELP},
        {NULL, 0, NULL, 0},
    };
    const char **overrides = calloc((size_t)argc, sizeof *overrides);
    int override_count = 0;
    if (!overrides) abort();
    for (int option; (option = getopt_long(argc, argv, "X:", options, NULL)) != -1;) {
        bool ok = true;
        switch (option) {
        case BOOTSTRAP: settings.bootstrap_servers = optarg; break;
        case TOPIC: settings.topic = optarg; break;
        case RESULTS: settings.results = optarg; break;
        case AUDIT: settings.audit = optarg; break;
        case GROUP: settings.group = optarg; break;
        case COUNT: ok = parse_number(optarg, 1, &settings.count); break;
        case COMMIT_EVERY: ok = parse_number(optarg, 1, &settings.commit_every_ms); break;
        case TIMEOUT: ok = parse_number(optarg, 1, &settings.timeout_s) && settings.timeout_s < 86400; break;
        case PROGRESS: ok = parse_number(optarg, 1, &settings.progress_ms); break;
        case NO_READ: settings.read_headers = false; break;
        case VERBOSE: settings.verbose = true; break;
        case 'X': overrides[override_count++] = optarg; break;
        case HELP: usage(stdout); free(overrides); return 0;
        default: usage(stderr); free(overrides); return EXIT_USAGE;
        }
        if (!ok) fail(EXIT_USAGE, "not a valid number: %s", optarg);
    }
    if (optind < argc) fail(EXIT_USAGE, "unexpected argument: %s", argv[optind]);
    if (!settings.bootstrap_servers) fail(EXIT_USAGE, "--bootstrap-servers is missing");
    if (!settings.count) fail(EXIT_USAGE, "--count is missing");

    struct sigaction action = {.sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND}; /* a second one ends at once */
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    sigset_t ours; /* whoever started this may have had them blocked */
    sigemptyset(&ours);
    sigaddset(&ours, SIGINT);
    sigaddset(&ours, SIGTERM);
    sigprocmask(SIG_UNBLOCK, &ours, NULL);
    char host[64] = "localhost";
    gethostname(host, sizeof host - 1);
    snprintf(worker, sizeof worker, "%s-%ld", host, (long)getpid());

    rd_kafka_conf_t *for_consumer = rd_kafka_conf_new(), *for_producer = rd_kafka_conf_new();
    rd_kafka_conf_set_error_cb(for_consumer, on_error);
    rd_kafka_conf_set_error_cb(for_producer, on_error);
    rd_kafka_conf_set_rebalance_cb(for_consumer, on_rebalance);
    rd_kafka_conf_set_offset_commit_cb(for_consumer, on_commit);
    rd_kafka_conf_set_dr_msg_cb(for_producer, on_delivery);
    if (!failure) {
        apply_defaults(for_consumer, for_producer);
        set(for_consumer, "bootstrap.servers", settings.bootstrap_servers);
        set(for_producer, "bootstrap.servers", settings.bootstrap_servers);
        set(for_consumer, "group.id", settings.group);
    }
    if (!settings.verbose && !failure) {
        set(for_consumer, "log_level", "2"); /* what matters comes through on_error */
        set(for_producer, "log_level", "2");
    }
    for (int i = 0; i < override_count && !failure; i++) apply_override(for_consumer, for_producer, overrides[i]);
    free(overrides);
    if (failure) {
        rd_kafka_conf_destroy(for_consumer);
        rd_kafka_conf_destroy(for_producer);
    } else {
        connect_clients(for_consumer, for_producer);
    }

    if (!failure) run();
    if (consumer && !failure) commit_acknowledged(false);
    if (!failure && !stop_signal) print_report();
    disconnect_clients();
    if (failure) {
        fprintf(stderr, "yardstick: %s\n", failure_text);
        return failure;
    }
    return stop_signal ? 128 + (int)stop_signal : 0;
}
