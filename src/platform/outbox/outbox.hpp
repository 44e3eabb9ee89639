#pragma once

#include <concepts>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "platform/base/id.hpp"
#include "platform/bus/envelope.hpp"
#include "platform/json/write.hpp"
#include "platform/sql/database.hpp"

namespace guildhall::outbox {

/// The migrations of the tables of outbox, inbox, dead letters and consumers; first in the migrations of every service.
std::vector<sql::Migration> migrations();

/// Whether an event waits.
inline constexpr sql::Statement kFindWaiting{"outbox.find_waiting", "SELECT id FROM outbox LIMIT 1"};

/// An event: a described struct with its type and its ordering key.
template <class E>
concept Event = requires(const E& event) {
    { E::kType } -> std::convertible_to<std::string_view>;
    { event.subject() } -> std::convertible_to<std::int64_t>;
};

/// Writes events in the transaction of the fact. Append after the statement that locks the row of the subject: append()
/// assigns the position, so that the order of appends is the order of commits.
class Outbox {
public:
    /// `source` is the service ("/post"). `wake` is called after each commit that holds an event.
    Outbox(std::string source, IdGenerator& ids, const Clock& clock)
        : source_(std::move(source)), ids_(ids), clock_(clock) {}

    /// Appends `event`; `traceparent` of the request that caused it, or empty.
    template <Event E>
    Task<void> append(sql::Transaction& tx, const E& event, std::string_view traceparent = {}) {
        std::string data;
        json::write(data, event);
        return append_row(tx, E::kType, event.subject(), std::move(data), std::string(traceparent));
    }

    /// Sets the function that is called after each commit with an event: the relay's wake(). Call before the first
    /// append().
    void on_commit(std::function<void()> wake) { wake_ = std::move(wake); }

private:
    Task<void> append_row(sql::Transaction& tx, std::string_view type, std::int64_t subject, std::string data,
                          std::string traceparent);

    const std::string source_;
    IdGenerator& ids_;
    const Clock& clock_;
    std::function<void()> wake_;
};

}  // namespace guildhall::outbox
