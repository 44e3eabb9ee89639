#include "platform/outbox/outbox.hpp"

#include "platform/base/text.hpp"
#include "platform/outbox/partition.hpp"

namespace guildhall::outbox {

namespace {

// outbox: `position` orders the events of a subject (see kAppend). A partition is a sixteenth of the subjects.
// relay_leases: who relays partitions 0 to 15. Higher numbers register the running relays, so that each knows its
// share.
constexpr const char* kTables = R"(
CREATE TABLE outbox (
    subject bigint NOT NULL,
    position bigint NOT NULL,
    id bigint NOT NULL,
    partition bigint NOT NULL,
    type text NOT NULL,
    source text NOT NULL,
    time bigint NOT NULL,
    traceparent text NOT NULL,
    data text NOT NULL,
    PRIMARY KEY (subject, position, id)
);
CREATE INDEX outbox_by_partition ON outbox (partition, position, id);
CREATE TABLE inbox (
    consumer text NOT NULL,
    event_id bigint NOT NULL,
    PRIMARY KEY (consumer, event_id)
);
CREATE TABLE dead_letters (
    consumer text NOT NULL,
    event_id bigint NOT NULL,
    subject bigint NOT NULL,
    type text NOT NULL,
    source text NOT NULL,
    time bigint NOT NULL,
    traceparent text NOT NULL,
    data text NOT NULL,
    error text NOT NULL,
    at bigint NOT NULL,
    PRIMARY KEY (consumer, event_id)
);
CREATE TABLE relay_leases (
    partition bigint NOT NULL PRIMARY KEY,
    owner text NOT NULL,
    expires_at bigint NOT NULL
);
INSERT INTO relay_leases (partition, owner, expires_at) VALUES
    (0, '', 0), (1, '', 0), (2, '', 0), (3, '', 0), (4, '', 0), (5, '', 0), (6, '', 0), (7, '', 0),
    (8, '', 0), (9, '', 0), (10, '', 0), (11, '', 0), (12, '', 0), (13, '', 0), (14, '', 0), (15, '', 0);
)";

// consumer: not empty in the row of a replayed dead letter; only this consumer gets the event.
constexpr const char* kReplay = "ALTER TABLE outbox ADD COLUMN consumer text NOT NULL DEFAULT '';";

// The consumers of the service: when a process last had each (known_consumers.hpp).
constexpr const char* kConsumers = R"(
CREATE TABLE consumers (
    name text NOT NULL PRIMARY KEY,
    seen_at bigint NOT NULL
);
)";

// So that the rows of an event lie together, and those of a consumer on many shards.
constexpr const char* kInboxByEvent = R"(
ALTER TABLE inbox RENAME TO former_inbox;
CREATE TABLE inbox (
    event_id bigint NOT NULL,
    consumer text NOT NULL,
    PRIMARY KEY (event_id, consumer)
);
INSERT INTO inbox (event_id, consumer) SELECT event_id, consumer FROM former_inbox;
DROP TABLE former_inbox;
ALTER TABLE dead_letters RENAME TO former_dead_letters;
CREATE TABLE dead_letters (
    event_id bigint NOT NULL,
    consumer text NOT NULL,
    subject bigint NOT NULL,
    type text NOT NULL,
    source text NOT NULL,
    time bigint NOT NULL,
    traceparent text NOT NULL,
    data text NOT NULL,
    error text NOT NULL,
    at bigint NOT NULL,
    PRIMARY KEY (event_id, consumer)
);
INSERT INTO dead_letters (event_id, consumer, subject, type, source, time, traceparent, data, error, at)
    SELECT event_id, consumer, subject, type, source, time, traceparent, data, error, at FROM former_dead_letters;
DROP TABLE former_dead_letters;
)";

// The position is the id, or one more than the subject's last position if the clock of another replica is ahead. So the
// order of a subject does not depend on clocks. Citus refuses a subquery in VALUES; SQLite makes a temporary table for
// an INSERT that selects from its own table.
constexpr sql::Statement kAppend{"outbox.append", R"(
    INSERT INTO outbox (subject, position, id, partition, type, source, time, traceparent, data)
    SELECT $1, COALESCE(MAX(position) + 1, $2), $2, $3, $4, $5, $6, $7, $8
    FROM outbox WHERE subject = $1 AND position >= $2)",
                                 sql::Freshness::primary, R"(
    INSERT INTO outbox (subject, position, id, partition, type, source, time, traceparent, data)
    VALUES ($1, COALESCE((SELECT position + 1 FROM outbox WHERE subject = $1 AND position >= $2
                          ORDER BY position DESC LIMIT 1), $2),
            $2, $3, $4, $5, $6, $7, $8))"};

}  // namespace

std::vector<sql::Migration> migrations() {
    return {{"platform/outbox", kTables},
            {"platform/outbox_replay", kReplay},
            {"platform/consumers", kConsumers},
            {"platform/inbox_by_event", kInboxByEvent}};
}

std::int64_t partition_of(std::int64_t subject) {
    char bytes[8];
    for (int i = 0; i < 8; ++i) bytes[i] = static_cast<char>(static_cast<std::uint64_t>(subject) >> (8 * i));
    return static_cast<std::int64_t>(stable_hash({bytes, sizeof bytes}) % kPartitions);
}

Task<void> Outbox::append_row(sql::Transaction& tx, std::string_view type, std::int64_t subject, std::string data,
                              std::string traceparent) {
    const auto id = ids_.next<bus::EventId>();
    co_await tx.execute(kAppend, sql::params(subject, id, partition_of(subject), type, source_, clock_.now(),
                                             std::move(traceparent), std::move(data)));
    if (wake_) tx.after_commit(wake_);
}

}  // namespace guildhall::outbox
