#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/basic_stream_descriptor.hpp>
#include <boost/unordered/unordered_flat_map.hpp>
#include <libpq-fe.h>

#include "platform/base/metrics.hpp"
#include "platform/sql/database.hpp"
#include "platform/sql/postgres_error.hpp"
#include "platform/sql/postgres_settings.hpp"

namespace guildhall::sql {

/// The deadline of a busy connection. The pool's watch reads it from another thread, because a timer for each statement
/// would cost more than the statement.
struct Watched {
    using Clock = std::chrono::steady_clock;
    static constexpr std::int64_t kIdle = 0;

    std::atomic<std::int64_t> since{kIdle};  // Clock's counts
    std::atomic<std::int64_t> deadline{kIdle};
    std::atomic<bool> expired{false};
    int socket = -1;
    PostgresSettings::Parameters server;  // the parameters of its server
};

/// Limits for connecting: for each host (each of its addresses, and the look-up of its name), and in total.
struct ConnectLimits {
    std::chrono::milliseconds host;
    std::chrono::steady_clock::time_point end;
};

/// One connection in pipeline mode: send() queues statements, finish() sends them and reads all answers. For one
/// coroutine at a time.
class PostgresConnection {
public:
    /// Connects on `io` to one of the hosts. Throws ConnectionLost when none accepts.
    static Task<std::unique_ptr<PostgresConnection>> connect(boost::asio::io_context& io,
                                                             const PostgresSettings& settings, ConnectLimits limits);
    /// False when a new connection to `server` gets no answer in time. A refusal is an answer.
    static Task<bool> answers(boost::asio::io_context& io, PostgresSettings::Parameters server,
                              std::chrono::milliseconds deadline);
    explicit PostgresConnection(boost::asio::io_context& io) : socket_(io) {}
    ~PostgresConnection();
    PostgresConnection(const PostgresConnection&) = delete;
    PostgresConnection& operator=(const PostgresConnection&) = delete;

    /// Queues a statement, which is prepared at its first use. The answer goes to `rows`, which must live until
    /// finish() has returned.
    void send(const Statement& statement, const Params& params, Rows* rows);

    /// Sends the queued statements and waits for all answers. Throws the failure of the first failed statement;
    /// ConnectionLost at the deadline. Set watched().deadline first (see PostgresPool).
    Task<void> finish();

    /// The command tag of the last statement ("COMMIT", "ROLLBACK").
    const std::string& command() const { return command_; }
    /// True when the next caller can use it: no transaction is open and nothing is pending.
    bool is_clean() const;
    bool is_lost() const { return lost_; }
    /// Marks it as lost. Throws ConnectionLost.
    [[noreturn]] void lose(const std::string& why);
    /// True when the server has sent something unasked, which means that an idle connection ends. Does not block.
    bool has_news() const;
    /// True when statements are queued or unanswered.
    bool is_busy() const { return !pending_.empty(); }
    Watched& watched() { return watched_; }

    /// The timeline of its server, a standby; it never decreases on one connection. 0: unknown.
    std::int64_t timeline() const { return timeline_; }
    void note_timeline(std::int64_t timeline) { timeline_ = timeline; }

private:
    struct Prepared {
        enum class State { absent, sent, ready };
        State state = State::absent;
        std::string name;
        const char* statement = nullptr;
        metrics::Histogram* duration = nullptr;
    };
    struct Key {
        const char* text;
        std::uint64_t types;  // of the parameters: $1 may be NULL once and a bigint later
        friend bool operator==(const Key&, const Key&) = default;
        friend std::size_t hash_value(const Key& key) {
            return static_cast<std::size_t>((reinterpret_cast<std::uintptr_t>(key.text) ^ key.types) *
                                            0x9E3779B97F4A7C15ULL);
        }
    };
    struct Pending {
        enum class Kind { prepare, statement, sync };
        Kind kind;
        Prepared* prepared;
        Rows* rows;
    };

    Task<void> open(PostgresSettings::Parameters server, std::chrono::milliseconds deadline);
    Prepared& prepare(const Statement& statement, const Params& params);
    bool take_answers();
    void observe_round_trip();
    void take_answer(const PGresult* result, const Pending& pending);

    boost::asio::posix::basic_stream_descriptor<boost::asio::io_context::executor_type> socket_;  // does not own it
    PGconn* pg_ = nullptr;
    Watched watched_;
    boost::unordered_flat_map<Key, std::unique_ptr<Prepared>> statements_;
    std::vector<Pending> pending_;
    std::size_t answered_ = 0;
    std::chrono::steady_clock::time_point sent_at_;
    PostgresFailure failure_;
    std::string command_;
    std::int64_t timeline_ = 0;
    bool lost_ = false;
};

}  // namespace guildhall::sql
