#include "platform/sql/postgres.hpp"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <memory>
#include <optional>
#include <stdexcept>

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <libpq-fe.h>
#include <spdlog/spdlog.h>

#include "platform/async/backoff.hpp"
#include "platform/async/call.hpp"
#include "platform/base/metrics.hpp"
#include "platform/base/text.hpp"
#include "platform/sql/postgres_error.hpp"
#include "platform/sql/postgres_pool.hpp"
#include "platform/sql/postgres_replicas.hpp"
#include "platform/sql/recent_writes.hpp"

namespace guildhall::sql {
namespace {

constexpr Statement kBegin{"postgres.begin", "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE"};
constexpr Statement kPostgresCommit{"postgres.commit", "COMMIT"};
constexpr Statement kRollback{"postgres.rollback", "ROLLBACK"};

/// The position of the primary's log that includes every acknowledged commit; one with synchronous_commit=off may not
/// be flushed. The flushed position is the end of a record, so a replica reaches it even if nothing follows.
constexpr Statement kPosition{"postgres.position",
                              "SELECT ('x' || left(pg_walfile_name(pg_current_wal_insert_lsn()), 8))::bit(32)::bigint,"
                              " (CASE current_setting('synchronous_commit') WHEN 'off' THEN pg_current_wal_insert_lsn()"
                              " ELSE pg_current_wal_flush_lsn() END - '0/0'::pg_lsn)::bigint"};

LogPosition position_of(Rows& rows) { return {rows[0].number(0), rows[0].number(1)}; }

constexpr int kMostRuns = 5;  // of a transaction's body
/// After the server's own statement_timeout, which leaves the connection usable. The client's deadline is for a silent
/// server.
constexpr std::chrono::milliseconds kGrace{500};
/// For a replica, while the primary could answer instead.
constexpr std::chrono::milliseconds kReplicaDeadline{1000};
/// The time in which a reader tests whether the primary is available again, before it reads a replica. Less than a
/// service waits for one of two replicas of another service.
constexpr std::chrono::milliseconds kReadersProbe{250};
/// For the whole answer: waiting for a connection, making one, and the query. Deadlines are checked every 50 ms.
constexpr std::chrono::milliseconds kReadyDeadline{800};

/// Makes the text columns of SCHEMA sort by bytes, as in SQLite and in C++, regardless of the collation of the
/// database. A column with an explicit collation keeps it. Includes tables of former versions: their rows are not
/// rewritten, but their indexes are rebuilt.
constexpr std::string_view kOrderByBytes = R"(
    DO $$
    DECLARE t record;
    BEGIN
        FOR t IN
            SELECT a.attrelid::regclass AS name,
                string_agg(format('ALTER COLUMN %I TYPE %s COLLATE "C"',
                                  a.attname, format_type(a.atttypid, a.atttypmod)), ', ') AS changes
            FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
            WHERE c.relnamespace = to_regnamespace('SCHEMA') AND c.relkind IN ('r', 'p')
                AND a.attnum > 0 AND NOT a.attisdropped
                AND a.attcollation = to_regcollation('pg_catalog."default"') AND a.attinhcount = 0
            GROUP BY a.attrelid
        LOOP
            EXECUTE format('ALTER TABLE %s %s', t.name, t.changes);
        END LOOP;
    END $$)";

/// libpq sends its queue by itself at 64 KiB. To commit(), answers to that would look like the end of an idle
/// connection.
constexpr std::size_t kMaxQueuedBytes = 32 << 10;

/// The maximum size of a parameter in the protocol.
std::size_t wire_bytes(const Value& value) {
    constexpr std::size_t kNumber = 24;
    if (const auto* text = std::get_if<std::string>(&value)) return text->size() + kNumber;
    if (const auto* ids = std::get_if<Ids>(&value)) return (ids->size() + 1) * kNumber;
    return kNumber;
}

/// A transaction whose statements are queued until an answer is needed.
class PostgresTransaction final : public Transaction {
public:
    /// The commit is added to `writes` unless that is null.
    PostgresTransaction(PostgresLease lease, std::chrono::milliseconds deadline, RecentWrites* writes)
        : lease_(std::move(lease)), deadline_(deadline), writes_(writes) {}

    Task<Rows> query(const Statement& statement, Params params) override {
        Rows rows;
        send(statement, params, &rows);
        co_await finish();
        co_return rows;
    }

    Task<void> execute(const Statement& statement, Params params) override {
        send(statement, params, nullptr);
        if (queued_bytes_ >= kMaxQueuedBytes) co_await finish();
    }

    /// Sends the queued statements and the COMMIT.
    Task<void> commit() {
        if (!begun_) co_return;
        // If all is sent together: after a failure it would be unknown whether an idle connection had ended before the
        // commit.
        if (!answered_ && lease_->has_news()) lease_->lose("the connection ended while it was idle");
        lease_->send(kPostgresCommit, {}, nullptr);
        Rows position;
        if (writes_) lease_->send(kPosition, {}, &position);
        commit_sent_ = true;
        co_await finish();
        // To the COMMIT of a failed transaction the server answers with a rollback, not with an error.
        if (lease_->command() != "COMMIT") throw Corrupt("a transaction was rolled back instead of committed");
        if (!writes_) co_return;
        position_ = position_of(position);
        writes_->note(keys_, position_);
    }

    /// The keys that the commit has written, and its position in the log.
    RecentWrites::Keys take_keys() { return std::move(keys_); }
    LogPosition position() const { return position_; }

    /// Rolls back in any state of the transaction. If that fails, the lease closes the connection.
    Task<void> rollback() {
        if (!begun_ || lease_->is_lost()) co_return;
        try {
            // Failures are known already; after one, the server ignores everything until the synchronisation.
            if (lease_->is_busy()) co_await lease_.finish(deadline_);
        } catch (const std::runtime_error&) {
            if (lease_->is_lost()) co_return;
        }
        try {
            lease_->send(kRollback, {}, nullptr);
            co_await lease_.finish(deadline_);
        } catch (const Unavailable&) {
            co_return;  // the lease notices that the connection is not clean
        }
    }

    /// The exception of the first failed statement, after which the transaction cannot commit.
    const std::exception_ptr& failure() const { return failure_; }
    /// True when the body must run again, because of a deadlock or a serialisation failure.
    bool wants_retry() const { return wants_retry_; }
    /// True when the connection broke before the COMMIT was sent: nothing was changed.
    bool is_lost_before_commit() const { return lease_->is_lost() && !commit_sent_; }
    void run_hooks() { committed(); }

private:
    void send(const Statement& statement, const Params& params, Rows* rows) {
        if (failure_) std::rethrow_exception(failure_);
        guard([&] {
            if (!std::exchange(begun_, true)) lease_->send(kBegin, {}, nullptr);
            lease_->send(statement, params, rows);
        });
        if (writes_) RecentWrites::collect(params, keys_);
        queued_bytes_ += std::strlen(statement.text);  // it is sent with its text the first time
        for (const Value& value : params) queued_bytes_ += wire_bytes(value);
    }

    Task<void> finish() {
        std::exception_ptr thrown;
        try {
            co_await lease_.finish(deadline_);
        } catch (...) {
            thrown = std::current_exception();
        }
        if (thrown) guard([&] { std::rethrow_exception(thrown); });
        answered_ = true;
        queued_bytes_ = 0;
    }

    template <class Work>
    void guard(Work work) {
        try {
            work();
        } catch (const RetryTransaction&) {
            wants_retry_ = true;
            failure_ = std::current_exception();
            throw;
        } catch (...) {
            failure_ = std::current_exception();
            throw;
        }
    }

    PostgresLease lease_;
    const std::chrono::milliseconds deadline_;
    RecentWrites* const writes_;
    RecentWrites::Keys keys_;
    LogPosition position_;
    std::exception_ptr failure_;
    std::size_t queued_bytes_ = 0;  // at most, since the last answer
    bool begun_ = false;
    bool answered_ = false;  // the server has answered something in this transaction
    bool commit_sent_ = false;
    bool wants_retry_ = false;
};

/// A blocking connection, for start-up and administration.
class BlockingConnection {
public:
    explicit BlockingConnection(const PostgresSettings& settings) {
        auto parameters = settings.parameters();
        const auto seconds = std::chrono::ceil<std::chrono::seconds>(settings.options().connect_deadline);
        set_parameter(parameters, "connect_timeout", std::to_string(std::max<std::int64_t>(seconds.count(), 2)));
        std::vector<const char*> names, values;
        for (const auto& [name, value] : parameters) {
            names.push_back(name.c_str());
            values.push_back(value.c_str());
        }
        names.push_back(nullptr);
        values.push_back(nullptr);
        pg_.reset(PQconnectdbParams(names.data(), values.data(), 0));
        if (!pg_ || PQstatus(pg_.get()) != CONNECTION_OK) {
            throw Unavailable(std::string("PostgreSQL: ") + (pg_ ? PQerrorMessage(pg_.get()) : "no memory"));
        }
        PQsetNoticeProcessor(pg_.get(), [](void*, const char*) {}, nullptr);
    }

    /// Runs statements that are separated by semicolons. `what` names them in the exception.
    void run(const std::string& text, const std::string& what) { check(PQexec(pg_.get(), text.c_str()), what); }

    /// Runs one statement with text parameters.
    void run(const std::string& text, const std::vector<std::string>& values, const std::string& what) {
        std::vector<const char*> pointers;
        pointers.reserve(values.size());
        for (const auto& value : values) pointers.push_back(value.c_str());
        check(PQexecParams(pg_.get(), text.c_str(), static_cast<int>(values.size()), nullptr, pointers.data(), nullptr,
                           nullptr, 0),
              what);
    }

    /// Runs one statement; the texts in its first column.
    std::vector<std::string> list(const std::string& text, const std::string& what) {
        const auto result = check(PQexec(pg_.get(), text.c_str()), what);
        std::vector<std::string> texts;
        for (int row = 0; row < PQntuples(result.get()); ++row) texts.emplace_back(PQgetvalue(result.get(), row, 0));
        return texts;
    }

private:
    using Answer = std::unique_ptr<PGresult, decltype(&PQclear)>;

    static Answer check(PGresult* answer, const std::string& what) {
        Answer result(answer, PQclear);
        if (PQresultStatus(result.get()) == PGRES_FATAL_ERROR) failure_of(result.get(), what.c_str()).raise();
        return result;
    }

    std::unique_ptr<PGconn, decltype(&PQfinish)> pg_{nullptr, PQfinish};
};

class Postgres final : public Database {
public:
    explicit Postgres(PostgresOptions options)
        : shared_(std::make_shared<PostgresShared>(std::move(options), PostgresRole::primary)),
          deadline_(shared_->settings.options().statement_deadline + kGrace),
          from_primary_(reads_from("primary")),
          from_replica_(reads_from("replica")) {
        const auto& own = shared_->settings.options();
        if (own.replicas.empty()) return;
        replicas_ = std::make_unique<PostgresReplicas>(own);
        writes_ = own.recent_writes ? own.recent_writes : std::make_shared<RecentWrites>();
        show_position_known([this] { return is_position_known() ? 1.0 : 0.0; });
    }

    ~Postgres() override {
        if (replicas_) {
            show_position_known([] { return 0.0; });
            replicas_->close();
        }
        shared_->close();
    }

    Task<Rows> read(const Statement& statement, Params params) override {
        if (!replicas_) {
            Rows rows;
            const auto ask = [&](PostgresConnection& primary) { primary.send(statement, params, &(rows = {})); };
            co_await ask_primary(ask, {.deadline = deadline_});
            co_return rows;
        }
        std::vector<BoundStatement> statements;
        statements.push_back({&statement, std::move(params)});
        auto answers = co_await read_all(std::move(statements));
        co_return std::move(answers[0]);
    }

    Task<std::vector<Rows>> read_all(std::vector<BoundStatement> statements) override {
        if (!replicas_) co_return co_await read_primary(statements, {.deadline = deadline_});
        const auto call = co_await current_call();
        if (!call || !call->reads_only) co_return co_await read_primary(statements, {.deadline = deadline_});
        if (auto answers = co_await read_balanced(statements)) co_return std::move(*answers);
        std::string reason;
        try {
            co_return co_await read_primary(statements, {.deadline = deadline_, .probe = kReadersProbe});
        } catch (const ConnectionLost& failure) {
            reason = failure.what();
        }
        co_return co_await read_replacing_primary(statements, *call, reason);
    }

    void migrate(std::span<const Migration> migrations) override {
        const auto& schema = shared_->settings.options().schema;
        const std::string quoted = '"' + schema + '"';  // "user" is a word of the language
        BlockingConnection connection(shared_->settings);
        // Replicas that start together wait here for the first.
        connection.run("SET statement_timeout = '5min'", "migrate");
        const auto lock = std::to_string(static_cast<std::int64_t>(stable_hash("guildhall migrations of " + schema)));
        connection.run("SELECT pg_advisory_lock(" + lock + ")", "migrate");
        connection.run("CREATE SCHEMA IF NOT EXISTS " + quoted, "migrate");
        connection.run("CREATE TABLE IF NOT EXISTS " + quoted +
                           ".schema_migrations(name text PRIMARY KEY, applied_at bigint NOT NULL)",
                       "migrate");
        const auto applied = connection.list("SELECT name FROM schema_migrations ORDER BY name", "migrate");
        for (const auto& name : applied)
            if (std::ranges::find(migrations, name, &Migration::name) == migrations.end()) throw newer_database(name);
        for (const auto& migration : migrations) {
            if (std::ranges::find(applied, migration.name) != applied.end()) continue;
            const auto what = "migration " + migration.name;
            connection.run("BEGIN", what);
            connection.run(std::string(migration.text), what);
            connection.run("INSERT INTO schema_migrations(name, applied_at) VALUES($1, $2)",
                           {migration.name, std::to_string(to_micros(SystemClock().now()))}, what);
            connection.run("COMMIT", what);
        }
        std::string order_by_bytes(kOrderByBytes);
        order_by_bytes.replace(order_by_bytes.find("SCHEMA"), std::strlen("SCHEMA"), quoted);
        connection.run(order_by_bytes, "migrate");
    }

    void execute_script(std::string_view text) override {
        BlockingConnection connection(shared_->settings);
        connection.run(std::string(text), "script");
    }

    Task<bool> ready(const Statement& question) override {
        const auto end = std::chrono::steady_clock::now() + kReadyDeadline;
        const auto left = [end] {
            return std::chrono::duration_cast<std::chrono::milliseconds>(end - std::chrono::steady_clock::now());
        };
        try {
            auto lease = co_await take({.deadline = left()});
            Rows rows;
            lease->send(question, {}, &rows);
            co_await lease.finish(left());
            end_replacement();
            co_return true;
        } catch (const std::runtime_error&) {
            co_return false;
        }
    }

    bool is_writable() const override { return is_writable_.load(std::memory_order_relaxed); }

    Task<void> learn_position() override {
        if (!replicas_) co_return;
        const auto epoch = writes_->epoch();
        if (epoch != 0 && !writes_->knows_all(epoch)) co_await learn_position(epoch);
    }

    std::string_view engine() const override { return "postgres"; }

protected:
    Task<void> run(RawBody body) override {
        Backoff backoff(std::chrono::milliseconds(5), std::chrono::milliseconds(200));
        CallPointer call;
        if (replicas_) {
            call = co_await current_call();
            if (call && call->reads_only) throw std::logic_error("a call with reads_only has begun a transaction");
        }
        for (int runs = 1;; ++runs) {
            auto lease = co_await take({.deadline = deadline_});
            bool lost = false;
            bool done = false;
            RecentWrites::Keys written;
            LogPosition position;
            {
                PostgresTransaction transaction(std::move(lease), deadline_, writes_.get());
                std::exception_ptr failure;
                bool keeps = false;
                try {
                    keeps = co_await body(transaction);
                    if (keeps && transaction.failure()) std::rethrow_exception(transaction.failure());
                    if (keeps) co_await transaction.commit();
                } catch (...) {
                    failure = std::current_exception();
                }
                if (keeps && !failure) {
                    transaction.run_hooks();
                    written = transaction.take_keys();
                    position = transaction.position();
                    done = true;
                } else {
                    co_await transaction.rollback();
                    lost = transaction.is_lost_before_commit();
                    const bool again = (transaction.wants_retry() && runs < kMostRuns) || (lost && runs == 1);
                    if (!again && failure) refuse(failure);
                    if (!again) co_return;
                }
            }
            if (done) {
                end_replacement();
                is_writable_ = true;
                // After the connection was returned, because other processes may be slow. No caller waits for writes by
                // upkeep and relays.
                if (call) co_await writes_->announce(std::move(written), position);
                co_return;
            }
            if (lost) continue;
            boost::asio::steady_timer pause(co_await boost::asio::this_coro::executor, backoff.next());
            co_await pause.async_wait(boost::asio::use_awaitable);
        }
    }

private:
    /// Rethrows the failure of a transaction.
    [[noreturn]] void refuse(const std::exception_ptr& failure) {
        try {
            std::rethrow_exception(failure);
        } catch (const Unavailable& reason) {
            if (reason.code == Code::insufficient_storage) is_writable_ = false;
            throw;
        }
    }

    metrics::Counter& reads_from(const char* where) const {
        return metrics::counter("guildhall_sql_reads_total", "Reads outside transactions, by the server that answered",
                                {{"database", shared_->settings.options().schema}, {"where", where}});
    }

    /// True while it is known what a replica must have replayed.
    bool is_position_known() const {
        const auto epoch = writes_->epoch();
        return epoch != 0 && writes_->knows_all(epoch);
    }
    void show_position_known(std::function<double()> read) const {
        metrics::gauge_callback("guildhall_sql_position_known",
                                "1 while replicas can be read instead of an unavailable primary, because it is known "
                                "what they must have replayed.",
                                {{"database", shared_->settings.options().schema}}, std::move(read));
    }

    Task<PostgresLease> take(PostgresPool::Waits waits) {
        const auto executor = co_await boost::asio::this_coro::executor;
        auto pool = PostgresPool::of(executor, shared_);
        auto connection = pool->try_take();
        if (!connection) {
            waits.in_line = left_for(call_on(executor));
            connection = co_await pool->take(waits);
        }
        co_return PostgresLease(std::move(pool), std::move(connection));
    }

    /// The time left for `call`. Throws when there is none: a connection would be used, or made, in vain.
    static std::chrono::milliseconds left_for(const Call* call) {
        if (call == nullptr) return std::chrono::milliseconds::max();
        const auto left =
            std::chrono::floor<std::chrono::milliseconds>(call->deadline - std::chrono::steady_clock::now());
        if (left.count() <= 0) throw Unavailable("the deadline of the request has passed");
        return left;
    }

    /// `ask(connection)` queues the reads; it may be called again, on a new connection.
    template <class Ask>
    Task<void> ask_primary(Ask& ask, PostgresPool::Waits waits) {
        for (bool last = false;; last = true) {
            auto lease = co_await take(waits);
            try {
                ask(*lease);
                co_await lease.finish(deadline_);
                end_replacement();
                from_primary_.add();
                co_return;
            } catch (const ConnectionLost&) {
                // An idle connection may have ended unnoticed, for example by a restart of the server: a read can be
                // retried on a new one.
                if (last || lease->watched().expired.load()) throw;
            }
        }
    }

    Task<std::vector<Rows>> read_primary(const std::vector<BoundStatement>& statements, PostgresPool::Waits waits) {
        std::vector<Rows> answers;
        const auto ask = [&](PostgresConnection& primary) {
            answers.assign(statements.size(), {});
            for (std::size_t i = 0; i < statements.size(); ++i)
                primary.send(*statements[i].statement, statements[i].params, &answers[i]);
        };
        co_await ask_primary(ask, waits);
        co_return answers;
    }

    /// Empty when the primary must answer.
    Task<std::optional<std::vector<Rows>>> read_balanced(const std::vector<BoundStatement>& statements) {
        const auto is_fit = [](const BoundStatement& bound) {
            return bound.statement->freshness == Freshness::replica_ok;
        };
        const auto epoch = writes_->epoch();
        if (epoch == 0 || !std::ranges::all_of(statements, is_fit)) co_return std::nullopt;
        if (!writes_->knows_all(epoch) && !co_await learn_position(epoch)) co_return std::nullopt;
        auto answers = co_await replicas_->read(statements, writes_->needed(statements), true, kReplicaDeadline);
        if (answers) from_replica_.add();
        co_return answers;
    }

    /// Commits from before this process listened are in every replica that has reached the primary's present position.
    /// False when the primary is unavailable.
    Task<bool> learn_position(std::uint64_t epoch) {
        std::vector<BoundStatement> statements;
        statements.push_back({&kPosition, {}});
        try {
            auto answers = co_await read_primary(statements, {.deadline = deadline_, .probe = kReadersProbe});
            writes_->start_from(epoch, position_of(answers[0]));
            co_return true;
        } catch (const ConnectionLost&) {
            co_return false;
        }
    }

    /// Throws ConnectionLost when no replica has what the reads need, or this process does not know what that is: no
    /// answer is better than an old one.
    Task<std::vector<Rows>> read_replacing_primary(const std::vector<BoundStatement>& statements, const Call& call,
                                                   const std::string& why) {
        if (!is_position_known())
            throw ConnectionLost(why + "; which position the replicas must have reached is not known");
        if (!replaced_.exchange(true)) spdlog::warn("replicas are read instead of the primary: {}", why);
        auto answers = co_await replicas_->read(statements, writes_->needed(statements), false, deadline_);
        if (!answers) throw ConnectionLost(why + "; no replica can answer");
        call.may_be_stale.set();
        from_replica_.add();
        co_return std::move(*answers);
    }

    /// The primary has answered (an idle connection does not prove that it is there): reads use it again. What was
    /// cached meanwhile is dropped.
    void end_replacement() {
        if (!replaced_.load(std::memory_order_relaxed) || !replaced_.exchange(false)) return;
        spdlog::info("the PostgreSQL primary is available again");
        if (const auto& drop = shared_->settings.options().on_primary_back) drop();
    }

    const std::shared_ptr<PostgresShared> shared_;
    const std::chrono::milliseconds deadline_;
    metrics::Counter& from_primary_;
    metrics::Counter& from_replica_;
    std::unique_ptr<PostgresReplicas> replicas_;  // null: there are none
    std::shared_ptr<RecentWrites> writes_;        // null: there are no replicas
    std::atomic<bool> replaced_{false};           // replicas were read instead of the primary
    std::atomic<bool> is_writable_{true};
};

}  // namespace

std::unique_ptr<Database> open_postgres(PostgresOptions options) {
    return std::make_unique<Postgres>(std::move(options));
}

}  // namespace guildhall::sql
