#include "platform/outbox/dead_letters.hpp"

#include "platform/outbox/partition.hpp"

namespace guildhall::outbox {
namespace {

constexpr sql::Statement kList{"dead_letters.list", R"(
    SELECT consumer, event_id, subject, type, source, time, traceparent, data, error, at FROM dead_letters
    WHERE (consumer, event_id) > ($1, $2) ORDER BY consumer, event_id LIMIT $3)"};

constexpr sql::Statement kTakeDeadLetter{"dead_letters.take", R"(
    DELETE FROM dead_letters WHERE consumer = $1 AND event_id = $2
    RETURNING consumer, event_id, subject, type, source, time, traceparent, data, error, at)"};

constexpr sql::Statement kForget{"inbox.forget", "DELETE FROM inbox WHERE consumer = $1 AND event_id = $2"};

// As outbox.append: after the waiting events of the subject.
constexpr sql::Statement kAppendReplay{"outbox.append_replay", R"(
    INSERT INTO outbox (subject, position, id, partition, type, source, time, traceparent, data, consumer)
    SELECT $1, COALESCE(MAX(position) + 1, $2), $2, $3, $4, $5, $6, $7, $8, $9
    FROM outbox WHERE subject = $1 AND position >= $2)"};

DeadLetter read_dead_letter(sql::Row row) {
    return {.event = {.id = row.id<bus::EventId>(1),
                      .source = row.take_text(4),
                      .type = row.take_text(3),
                      .subject = row.number(2),
                      .time = row.time(5),
                      .traceparent = row.take_text(6),
                      .data = row.take_text(7),
                      .consumer = row.take_text(0)},
            .error = row.take_text(8),
            .at = row.time(9)};
}

}  // namespace

Task<std::vector<DeadLetter>> list_dead_letters(sql::Database& database, DeadLetterKey after, std::size_t limit) {
    auto rows = co_await database.read(kList, sql::params(after.consumer, after.event_id, limit));
    std::vector<DeadLetter> out;
    out.reserve(rows.size());
    for (const auto row : rows) out.push_back(read_dead_letter(row));
    co_return out;
}

Task<Result<DeadLetterKey>> replay_dead_letter(sql::Database& database, DeadLetterKey key) {
    auto body = [&key](sql::Transaction& tx) -> Task<Result<DeadLetterKey>> {
        auto rows = co_await tx.query(kTakeDeadLetter, sql::params(key.consumer, key.event_id));
        if (rows.empty()) co_return Error{Code::not_found, "there is no such dead letter"};
        const bus::Envelope event = read_dead_letter(rows[0]).event;
        co_await tx.execute(kForget, sql::params(key.consumer, key.event_id));
        co_await tx.execute(kAppendReplay,
                            sql::params(event.subject, event.id, partition_of(event.subject), event.type, event.source,
                                        event.time, event.traceparent, event.data, key.consumer));
        co_return key;
    };
    co_return co_await database.transact<DeadLetterKey>(body);
}

}  // namespace guildhall::outbox
