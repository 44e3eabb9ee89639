#include "platform/sql/sqlite.hpp"

#include <algorithm>
#include <condition_variable>
#include <future>
#include <mutex>
#include <thread>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <pthread.h>
#include <spdlog/spdlog.h>

#include "platform/sql/dialect.hpp"
#include "platform/sql/parked.hpp"
#include "platform/sql/sqlite_connection.hpp"
#include "platform/sql/sqlite_readers.hpp"
#include "platform/sql/statement_timer.hpp"

namespace guildhall::sql {
namespace {

constexpr Statement kSqliteCommit{"sqlite.commit", "COMMIT"};
constexpr Statement kMigrationFind{"sqlite.migration_find", "SELECT name FROM schema_migrations WHERE name = $1"};
constexpr Statement kMigrationList{"sqlite.migration_list", "SELECT name FROM schema_migrations ORDER BY name"};
constexpr Statement kMigrationInsert{"sqlite.migration_insert",
                                     "INSERT INTO schema_migrations(name, applied_at) VALUES($1, $2)"};
constexpr const char* kMigrationTable =
    "CREATE TABLE IF NOT EXISTS schema_migrations(name text PRIMARY KEY, applied_at bigint NOT NULL) WITHOUT ROWID";

/// Sizes of the log in pages of 4 KiB: after the first it is copied into the file; after the second the writer waits
/// for readers, so that the log can start again.
constexpr int kCheckpointPages = 2000;
constexpr int kTruncatePages = 32'000;
/// Tries to recover on the same connection before a new one is opened.
constexpr unsigned kRecoveriesOfConnection = 10;

/// The transaction of one body, on the writer's thread.
class WriterTransaction final : public Transaction {
public:
    explicit WriterTransaction(SqliteConnection& connection) : connection_(connection) {}

    Task<Rows> query(const Statement& statement, Params params) override { co_return run(statement, params); }
    Task<void> execute(const Statement& statement, Params params) override {
        run(statement, params);
        co_return;
    }

    /// The exception of the first failed statement, after which the transaction cannot commit, as on PostgreSQL.
    const std::exception_ptr& failure() const { return failure_; }
    void run_hooks() { committed(); }

private:
    Rows run(const Statement& statement, const Params& params) {
        if (failure_) std::rethrow_exception(failure_);
        try {
            return connection_.query(statement, params);
        } catch (...) {
            failure_ = std::current_exception();
            throw;
        }
    }

    SqliteConnection& connection_;
    std::exception_ptr failure_;
};

using Body = std::function<Task<bool>(Transaction&)>;

/// A transaction that waits for the writer. It is in the frame of the coroutine that waits for it.
struct Job {
    explicit Job(Body& b) : body(b) {}
    Body& body;
    Parked parked;
    std::optional<WriterTransaction> transaction;
    std::exception_ptr failure;
    bool keeps = false;
    Job* next = nullptr;
};

/// An intrusive first-in, first-out list of jobs.
class JobList {
public:
    bool empty() const { return !first_; }
    Job* first() const { return first_; }
    void push(Job* job) {
        job->next = nullptr;
        (first_ ? last_->next : first_) = job;
        last_ = job;
    }
    Job* pop() {
        Job* job = first_;
        first_ = job->next;
        return job;
    }

private:
    Job* first_ = nullptr;
    Job* last_ = nullptr;
};

class Writer;

/// Resumes the coroutines of `jobs`, which all have the same executor. Their next writes are collected and passed to
/// the writer at the end, so that the first of them does not get its own commit.
struct Resume {
    Writer* writer;
    JobList jobs;
    void operator()();
};

/// The only thread that writes. It takes all jobs that arrived during the last commit, up to a limit, as one batch:
/// each in its savepoint, then one commit for all.
class Writer {
public:
    Writer(const SqliteOptions& options, const std::string& label)
        : options_(options),
          connection_(open()),
          commit_duration_(statement_histogram("sqlite", kSqliteCommit.name)),
          waiting_gauge_(metrics::gauge("guildhall_sql_waiting_writes", "Transactions that wait for the writer",
                                        {{"database", label}})),
          transactions_(metrics::counter("guildhall_sql_transactions_total", "Transactions that were run",
                                         {{"database", label}})),
          commits_(metrics::counter("guildhall_sql_commits_total", "Commits, each of one or more transactions",
                                    {{"database", label}})),
          thread_([this] { run(); }) {}

    ~Writer() {
        {
            const std::lock_guard lock(mutex_);
            stopping_ = true;
        }
        wake_.notify_one();
        thread_.join();
        if (gathering_ == this) gathering_ = nullptr;
    }

    /// Throws Unavailable when the queue is full; each success is followed by one push().
    void reserve() {
        if (waiting_.fetch_add(1, std::memory_order_relaxed) < options_.max_waiting_writes) return;
        waiting_.fetch_sub(1, std::memory_order_relaxed);
        throw Unavailable("too many writes wait for " + options_.file.filename().string());
    }

    void push(Job* job) {
        bool idle = false;
        {
            const std::lock_guard lock(mutex_);
            queue_.push(job);
            if (gathering_ != this) idle = std::exchange(idle_, false);
        }
        if (idle) wake_.notify_one();
    }

    /// While it lives, a push by this thread does not wake the writer; its destructor does.
    class Gathering {
    public:
        explicit Gathering(Writer& writer) : writer_(writer), outer_(std::exchange(gathering_, &writer)) {}
        Gathering(const Gathering&) = delete;
        Gathering& operator=(const Gathering&) = delete;
        ~Gathering() {
            const bool lives = gathering_ == &writer_;  // a coroutine may have closed the database
            gathering_ = outer_;
            if (lives) writer_.wake_if_needed();
        }

    private:
        Writer& writer_;
        Writer* outer_;
    };

    /// False from a batch that failed until one succeeds.
    bool is_writable() const { return is_writable_.load(std::memory_order_relaxed); }

    /// Runs `work` on the writer's connection, outside a transaction, and waits until it has ended.
    void run_blocking(std::function<void(SqliteConnection&)> work) {
        Administration task{std::move(work), {}};
        auto done = task.done.get_future();
        {
            const std::lock_guard lock(mutex_);
            administration_.push_back(&task);
            idle_ = false;
        }
        wake_.notify_one();
        done.get();
    }

private:
    struct Administration {
        std::function<void(SqliteConnection&)> work;
        std::promise<void> done;
    };

    std::unique_ptr<SqliteConnection> open() const {
        return std::make_unique<SqliteConnection>(options_.file, SqliteConnection::Mode::write, options_.cache_bytes);
    }

    void run() {
        pthread_setname_np(pthread_self(), "sql-writer");
        // One coroutine on this thread awaits all bodies: starting a body then costs a frame, not a spawn.
        boost::asio::io_context io(1);
        boost::asio::co_spawn(io, write_loop(), boost::asio::detached);
        io.run();
        connection_.reset();
    }

    void wake_if_needed() {
        bool idle = false;
        {
            const std::lock_guard lock(mutex_);
            if (!queue_.empty()) idle = std::exchange(idle_, false);
        }
        if (idle) wake_.notify_one();
    }

    Task<void> write_loop() {
        std::vector<Job*> batch;
        while (next_batch(batch)) {
            co_await run_batch(batch);
            finish(batch);
            tidy_log();
        }
    }

    /// Waits for work and takes it; false at the end.
    bool next_batch(std::vector<Job*>& batch) {
        batch.clear();
        std::unique_lock lock(mutex_);
        for (;;) {
            if (!administration_.empty()) {
                auto& task = *administration_.front();
                administration_.pop_front();
                lock.unlock();
                run_administration(task);
                lock.lock();
                continue;
            }
            while (!queue_.empty() && batch.size() < options_.max_batch) batch.push_back(queue_.pop());
            if (!batch.empty()) break;
            if (stopping_) return false;
            idle_ = true;
            wake_.wait(lock, [this] { return stopping_ || !idle_; });
            idle_ = false;
        }
        lock.unlock();
        const auto waiting = waiting_.fetch_sub(batch.size(), std::memory_order_relaxed) - batch.size();
        waiting_gauge_.set(static_cast<double>(waiting));
        return true;
    }

    void run_administration(Administration& task) {
        // The caller's frame, with `task`, may be destroyed as soon as the promise is fulfilled.
        auto done = std::move(task.done);
        try {
            require_connection();
            task.work(*connection_);
        } catch (...) {
            // Anything that the work has set up (an open transaction, a weaker sync) ends with the connection.
            if (connection_) connection_->rollback();
            if (!is_suspect_) connection_.reset();
            done.set_exception(std::current_exception());
            return;
        }
        done.set_value();
    }

    Task<void> run_batch(std::vector<Job*>& batch) {
        try {
            require_connection();
            connection_->begin();
            const bool alone = batch.size() == 1;
            bool changed = false;
            for (Job* job : batch) {
                if (!alone) connection_->savepoint();
                co_await run_body(*job);
                changed |= job->keeps;
                // SQLite has rolled back the whole transaction by itself, including the other bodies of the batch.
                if (!connection_->in_transaction()) std::rethrow_exception(job->failure ? job->failure : lost());
                if (!alone && job->keeps) connection_->release();
                if (!alone && !job->keeps) connection_->rollback_to_savepoint();
            }
            if (!changed) {
                connection_->rollback();
                co_return;
            }
            const auto start = std::chrono::steady_clock::now();
            connection_->commit();
            observe_statement(commit_duration_, kSqliteCommit.name, start);
            commits_.add();
            is_writable_ = true;
        } catch (const Unavailable& failure) {
            fail(batch, failure.what(), failure.code);
        } catch (const std::exception& failure) {
            fail(batch, failure.what(), Code::unavailable);
        }
    }

    Task<void> run_body(Job& job) {
        auto& transaction = job.transaction.emplace(*connection_);
        try {
            job.keeps = co_await job.body(transaction);
            if (job.keeps && transaction.failure()) std::rethrow_exception(transaction.failure());
        } catch (...) {
            job.keeps = false;
            job.failure = std::current_exception();
        }
    }

    static std::exception_ptr lost() { return std::make_exception_ptr(Unavailable("the transaction was lost")); }

    /// Fails all of `batch`, also those that ended in an Error: it may be caused by a change of another body that was
    /// rolled back.
    void fail(std::vector<Job*>& batch, const std::string& what, Code code) {
        spdlog::error("{}: {} transactions failed: {}", options_.file.filename().string(), batch.size(), what);
        for (Job* job : batch) {
            job->keeps = false;
            // One exception object for each, because they are rethrown on different threads.
            job->failure = std::make_exception_ptr(Unavailable(what, code));
        }
        if (connection_) connection_->rollback();
        is_suspect_ = true;
        is_writable_ = false;
        settle();
    }

    /// Removes what the failed commit has left in the log, before its callers are notified: a refused change must not
    /// come back after a restart.
    void settle() {
        if (!connection_) return;
        const char* danger = "a restart";
        try {
            connection_->cut_log();
            danger = "a power failure";
            connection_->sync_log();
        } catch (const std::exception& failure) {
            spdlog::error("{}: refused writes may return after {}: {}", options_.file.filename().string(), danger,
                          failure.what());
        }
    }

    /// After a failure, the log is copied into the file and emptied before anything is acknowledged again: pages that a
    /// failed fsync marked as clean must not be mistaken for durable, and refused changes must not come back when the
    /// log is read again. The connection knows where the valid part of the log ends, so it stays open unless it cannot
    /// do this. Source: "Can Applications Recover from fsync Failures?", USENIX ATC 2020.
    void require_connection() {
        if (connection_ && !is_suspect_) return;
        if (!connection_) connection_ = open();
        try {
            connection_->checkpoint(true);
            is_suspect_ = false;
            failed_recoveries_ = 0;
        } catch (const std::exception&) {
            is_suspect_ = true;
            if (++failed_recoveries_ % kRecoveriesOfConnection == 0) connection_.reset();
            throw;
        }
    }

    /// Runs the hooks of the committed transactions and resumes all callers, with one post for each executor.
    void finish(std::vector<Job*>& batch) {
        transactions_.add(static_cast<double>(batch.size()));
        for (Job* job : batch) {
            if (job->keeps) job->transaction->run_hooks();
            job->transaction.reset();
        }
        for (std::size_t i = 0; i < batch.size(); ++i) {
            if (!batch[i]) continue;
            const auto executor = batch[i]->parked.executor;
            Resume resume{this, {}};
            for (std::size_t j = i; j < batch.size(); ++j) {
                if (batch[j] && batch[j]->parked.executor == executor)
                    resume.jobs.push(std::exchange(batch[j], nullptr));
            }
            // A resumed coroutine may end the io_context; the guard prevents that until post() has returned.
            const auto guard = boost::asio::make_work_guard(executor);
            boost::asio::post(executor, resume);
        }
    }

    void tidy_log() {
        if (!connection_ || connection_->log_pages() < kCheckpointPages) return;
        try {
            connection_->checkpoint(connection_->log_pages() >= kTruncatePages);
        } catch (const std::exception& failure) {
            spdlog::error("{}: checkpoint failed: {}", options_.file.filename().string(), failure.what());
            is_suspect_ = true;
        }
    }

    const SqliteOptions options_;
    std::unique_ptr<SqliteConnection> connection_;  // null when it could not be opened
    bool is_suspect_ = false;                       // a write failed since the log was last emptied
    unsigned failed_recoveries_ = 0;
    metrics::Histogram& commit_duration_;
    metrics::Gauge& waiting_gauge_;
    metrics::Counter& transactions_;
    metrics::Counter& commits_;
    std::atomic<std::size_t> waiting_{0};
    std::atomic<bool> is_writable_{true};

    std::mutex mutex_;
    std::condition_variable wake_;
    JobList queue_;
    std::deque<Administration*> administration_;
    bool idle_ = false;
    bool stopping_ = false;
    static thread_local Writer* gathering_;
    std::thread thread_;  // last, because it uses all other members
};

thread_local Writer* Writer::gathering_ = nullptr;

void Resume::operator()() {
    const Writer::Gathering gathering(*writer);
    while (!jobs.empty()) {
        Job* job = jobs.pop();
        try {
            job->parked.resume();
        } catch (...) {
            // A spawned coroutine may let exceptions out of run(); the others must be resumed nevertheless.
            if (!jobs.empty()) boost::asio::post(jobs.first()->parked.executor, Resume{writer, jobs});
            throw;
        }
    }
}

class Sqlite final : public Database {
public:
    explicit Sqlite(SqliteOptions options)
        : writer_(options, options.file.stem().string()), readers_(options.file, options.cache_bytes) {}

    Task<Rows> read(const Statement& statement, Params params) override { co_return readers_.query(statement, params); }

    Task<std::vector<Rows>> read_all(std::vector<BoundStatement> statements) override {
        std::vector<Rows> answers;
        answers.reserve(statements.size());
        for (const auto& bound : statements) answers.push_back(readers_.query(*bound.statement, bound.params));
        co_return answers;
    }

    void migrate(std::span<const Migration> migrations) override {
        writer_.run_blocking([migrations](SqliteConnection& connection) {
            // One sync at the end makes all of them durable; until then only the order of the commits matters.
            connection.execute("PRAGMA synchronous=OFF");
            connection.execute(kMigrationTable);
            refuse_unknown(connection, migrations);
            bool changed = false;
            for (const auto& migration : migrations) changed |= apply(connection, migration);
            connection.execute("PRAGMA synchronous=FULL");
            if (changed) connection.sync_log();
        });
    }

    void execute_script(std::string_view text) override {
        writer_.run_blocking([text](SqliteConnection& connection) { run_script(connection, text); });
    }

    Task<bool> ready(const Statement& question) override {
        try {
            readers_.query(question, {});
            co_return true;
        } catch (const std::exception&) {
            co_return false;
        }
    }

    bool is_writable() const override { return writer_.is_writable(); }

    std::string_view engine() const override { return "sqlite"; }

protected:
    Task<void> run(RawBody body) override {
        writer_.reserve();
        Job job(body);
        const auto enqueue = [this, &job] { writer_.push(&job); };
        co_await park(job.parked, enqueue);
        if (job.failure) std::rethrow_exception(std::exchange(job.failure, nullptr));
    }

private:
    static void run_script(SqliteConnection& connection, std::string_view text) {
        for (auto& statement : dialect::split_script(text))
            connection.execute(dialect::without_rowid(std::move(statement)));
    }

    static void refuse_unknown(SqliteConnection& connection, std::span<const Migration> known) {
        auto rows = connection.query(kMigrationList, {});
        for (auto row : rows) {
            const auto name = row.text(0);
            if (std::ranges::find(known, name, &Migration::name) == known.end()) throw newer_database(name);
        }
    }

    /// False when it was applied already.
    static bool apply(SqliteConnection& connection, const Migration& migration) {
        if (!connection.query(kMigrationFind, params(migration.name)).empty()) return false;
        connection.begin();
        // Another process may have applied it meanwhile.
        if (!connection.query(kMigrationFind, params(migration.name)).empty()) {
            connection.rollback();
            return false;
        }
        try {
            run_script(connection, migration.text);
        } catch (const Corrupt& refusal) {
            throw Corrupt("migration " + migration.name + ": " + refusal.what());
        }
        connection.query(kMigrationInsert, params(migration.name, SystemClock().now()));
        connection.commit();
        return true;
    }

    Writer writer_;
    SqliteReaders readers_;
};

}  // namespace

std::unique_ptr<Database> open_sqlite(SqliteOptions options) { return std::make_unique<Sqlite>(std::move(options)); }

}  // namespace guildhall::sql
