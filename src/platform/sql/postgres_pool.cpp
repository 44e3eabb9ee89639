#include "platform/sql/postgres_pool.hpp"

#include <algorithm>
#include <map>
#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/execution/context.hpp>
#include <boost/asio/execution_context.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/query.hpp>
#include <pthread.h>
#include <sys/socket.h>

namespace guildhall::sql {
namespace {

namespace asio = boost::asio;

constexpr std::chrono::milliseconds kTick{50};
/// While the server is unavailable, one caller at a time tries to connect for this long; the others fail immediately.
constexpr std::chrono::milliseconds kProbeTurn{1000};
constexpr std::chrono::milliseconds kLeastPause{50};

std::atomic<std::uint64_t> last_session_id{0};
/// Changes when an io_context ends. Its address may be used again, so the addresses that threads remember are then
/// invalid.
std::atomic<std::uint64_t> contexts_ended{0};

/// The pools of one io_context, which end with it.
class ContextPools final : public asio::execution_context::service {
public:
    using key_type = ContextPools;
    static inline asio::execution_context::id id;

    explicit ContextPools(asio::execution_context& context)
        : service(context), io_(static_cast<asio::io_context&>(context)) {
        // Services end in reverse order of their creation, and the sockets of the pools need theirs until the end.
        const asio::posix::basic_stream_descriptor<asio::io_context::executor_type> first(io_);
    }

    std::shared_ptr<PostgresPool> find(const std::shared_ptr<PostgresShared>& shared) {
        const std::lock_guard lock(mutex_);
        std::erase_if(pools_, [](const auto& entry) { return entry.second->is_closed(); });
        auto& pool = pools_[shared->id];
        if (!pool) {
            pool = std::make_shared<PostgresPool>(io_, shared);
            const std::lock_guard shared_lock(shared->mutex);
            shared->pools.push_back(pool);
            shared->watch.add(pool);
        }
        return pool;
    }

private:
    void shutdown() override {
        ++contexts_ended;
        std::map<std::uint64_t, std::shared_ptr<PostgresPool>> pools;
        {
            const std::lock_guard lock(mutex_);
            pools.swap(pools_);
        }
        for (auto& [key, pool] : pools) pool->close();
    }

    asio::io_context& io_;
    std::mutex mutex_;
    std::map<std::uint64_t, std::shared_ptr<PostgresPool>> pools_;
};

bool check_all(const std::vector<std::weak_ptr<PostgresPool>>& pools) {
    const auto now = std::chrono::steady_clock::now();
    bool busy = false;
    for (const auto& weak : pools) {
        if (const auto pool = weak.lock()) busy |= pool->check(now);
    }
    return busy;
}

}  // namespace

void PostgresWatch::stop() {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    changed_.notify_one();
    if (thread_.joinable()) thread_.join();
}

void PostgresWatch::add(std::weak_ptr<PostgresPool> pool) {
    const std::lock_guard lock(mutex_);
    std::erase_if(pools_, [](const auto& old) { return old.expired(); });
    pools_.push_back(std::move(pool));
}

void PostgresWatch::start() {
    {
        const std::lock_guard lock(mutex_);
        asleep_.store(false);
        if (!thread_.joinable() && !stopping_) thread_ = std::thread([this] { run(); });
    }
    changed_.notify_one();
}

void PostgresWatch::run() {
    pthread_setname_np(pthread_self(), "sql-watch");
    std::unique_lock lock(mutex_);
    while (!stopping_) {
        changed_.wait_for(lock, kTick, [this] { return stopping_; });
        // Set asleep_ before the check: a caller that sets a deadline after the check then sees it.
        asleep_.store(true);
        const auto pools = pools_;
        lock.unlock();  // pools call wake() under their own lock
        const bool busy = check_all(pools);
        lock.lock();
        if (busy) {
            asleep_.store(false);
        } else {
            changed_.wait(lock, [this] { return stopping_ || !asleep_.load(); });
        }
    }
}

PostgresShared::PostgresShared(PostgresOptions options, PostgresRole role)
    : id(++last_session_id),
      settings(std::move(options), role),
      open(metrics::gauge("guildhall_sql_connections", "Connections to PostgreSQL",
                          {{"database", settings.options().schema}})),
      in_use(metrics::gauge("guildhall_sql_connections_in_use", "Connections to PostgreSQL that are in use",
                            {{"database", settings.options().schema}})),
      waiting(metrics::gauge("guildhall_sql_waiting_for_connection", "Callers that wait for a connection",
                             {{"database", settings.options().schema}})) {}

void PostgresShared::close() {
    watch.stop();
    std::vector<std::weak_ptr<PostgresPool>> ending;
    {
        const std::lock_guard lock(mutex);
        ending.swap(pools);
    }
    for (const auto& weak : ending) {
        if (const auto pool = weak.lock()) pool->close();
    }
}

std::shared_ptr<PostgresPool> PostgresPool::of(const asio::any_io_executor& executor,
                                               const std::shared_ptr<PostgresShared>& shared) {
    struct Last {
        std::uint64_t database = 0;
        std::uint64_t contexts_ended = 0;
        const asio::execution_context* context = nullptr;
        std::weak_ptr<PostgresPool> pool;
    };
    thread_local std::vector<Last> remembered;

    auto& context = asio::query(executor, asio::execution::context);
    const auto ended = contexts_ended.load(std::memory_order_acquire);
    for (const auto& last : remembered) {
        if (last.database != shared->id || last.context != &context || last.contexts_ended != ended) continue;
        if (auto pool = last.pool.lock()) return pool;
    }
    auto pool = asio::use_service<ContextPools>(context).find(shared);
    std::erase_if(remembered,
                  [ended](const Last& last) { return last.contexts_ended != ended || last.pool.expired(); });
    remembered.push_back({shared->id, ended, &context, pool});
    return pool;
}

class PostgresPool::Place {
public:
    explicit Place(PostgresPool& pool) : pool_(&pool) {}
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;
    ~Place() {
        if (!pool_) return;
        const std::lock_guard lock(pool_->mutex_);
        --pool_->connecting_;
        pool_->connection_closed();
    }
    /// The place is not released any more. Call with the pool's mutex locked.
    void keep() {
        --pool_->connecting_;
        pool_ = nullptr;
    }

private:
    PostgresPool* pool_;
};

std::unique_ptr<PostgresConnection> PostgresPool::try_take() {
    const std::lock_guard lock(mutex_);
    if (idle_.empty()) return nullptr;
    auto connection = std::move(idle_.back());
    idle_.pop_back();
    shared_->in_use.add(1);
    return connection;
}

Task<std::unique_ptr<PostgresConnection>> PostgresPool::take(Waits waits) {
    const auto start = std::chrono::steady_clock::now();
    ConnectLimits limits{shared_->settings.options().connect_deadline, start + waits.deadline};
    for (;;) {
        Waiter waiter;
        waiter.deadline = start + std::min(waits.deadline, waits.in_line);
        const auto line_up = [this, &waiter] { enqueue(waiter); };
        co_await park(waiter.parked, line_up);
        if (waiter.connection) co_return std::move(waiter.connection);
        if (waiter.is_unavailable) throw ConnectionLost(waiter.refusal);
        if (!waiter.may_connect) throw Unavailable(waiter.refusal);
        if (was_down()) limits.host = std::min(limits.host, waits.probe);
        auto connection = co_await connect(limits);
        if (connection) co_return connection;
    }
}

/// Puts a waiter in line, or resumes it immediately.
void PostgresPool::enqueue(Waiter& waiter) {
    const std::lock_guard lock(mutex_);
    const auto& options = shared_->settings.options();
    if (closed_) {
        waiter.refusal = "the database is closed";
        return resume(&waiter);
    }
    if (!idle_.empty()) {
        waiter.connection = std::move(idle_.back());
        idle_.pop_back();
        shared_->in_use.add(1);
        return resume(&waiter);
    }
    if (open_ < options.connections_per_thread && !is_down()) {
        if (down_) down_until_ = std::chrono::steady_clock::now() + kProbeTurn;
        ++open_;
        ++connecting_;
        waiter.may_connect = true;
        return resume(&waiter);
    }
    // While the server is unavailable, one caller tests it; the others do not wait for that.
    if (down_ && open_ == connecting_) return refuse_unavailable(waiter);
    if (waiters_.size() >= options.max_waiting) {
        waiter.refusal = "too many callers wait for a connection to PostgreSQL";
        return resume(&waiter);
    }
    waiters_.push_back(&waiter);
    shared_->waiting.add(1);
    shared_->watch.wake();
}

/// Makes a connection in a place that was counted already. Null when that failed but there are other connections to
/// wait for.
Task<std::unique_ptr<PostgresConnection>> PostgresPool::connect(ConnectLimits limits) {
    Place place(*this);
    std::string reason;
    try {
        auto connection = co_await PostgresConnection::connect(io_, shared_->settings, limits);
        const std::lock_guard lock(mutex_);
        if (closed_) throw Unavailable("the database is closed");
        place.keep();
        watched_.push_back(&connection->watched());
        down_ = false;
        down_until_ = {};
        backoff_.reset();
        shared_->open.add(1);
        shared_->in_use.add(1);
        co_return connection;
    } catch (const Unavailable& failure) {
        reason = failure.what();
    }
    const std::lock_guard lock(mutex_);
    place.keep();
    note_failure(reason);
    connection_closed();
    if (open_ == connecting_) throw ConnectionLost(reason);
    co_return nullptr;
}

void PostgresPool::give(std::unique_ptr<PostgresConnection> connection) {
    std::vector<std::unique_ptr<PostgresConnection>> closing;  // closed after the lock is released
    const std::lock_guard lock(mutex_);
    shared_->in_use.add(-1);
    if (!closed_ && connection->is_clean()) {
        if (waiters_.empty()) {
            idle_.push_back(std::move(connection));
            return;
        }
        auto* waiter = waiters_.front();
        waiters_.pop_front();
        shared_->waiting.add(-1);
        shared_->in_use.add(1);
        waiter->connection = std::move(connection);
        return resume(waiter);
    }
    const bool lost = connection->is_lost();
    closing.push_back(std::move(connection));
    // A connection is seldom lost alone: the server has ended or was restarted.
    if (lost) {
        for (auto& idle : idle_) {
            if (idle->has_news()) closing.push_back(std::move(idle));
        }
        std::erase(idle_, nullptr);
    }
    for (const auto& closed : closing) {
        std::erase(watched_, &closed->watched());
        shared_->open.add(-1);
        connection_closed();
    }
}

Task<void> PostgresPool::finish(PostgresConnection& connection, std::chrono::milliseconds deadline) {
    auto& watched = connection.watched();
    const auto now = std::chrono::steady_clock::now();
    watched.since.store(now.time_since_epoch().count());
    watched.deadline.store((now + deadline).time_since_epoch().count());
    shared_->watch.wake();
    return connection.finish();
}

bool PostgresPool::check(std::chrono::steady_clock::time_point now) {
    const std::lock_guard lock(mutex_);
    bool busy = false;
    for (auto* watched : watched_) {
        const auto deadline = watched->deadline.load();
        if (deadline == Watched::kIdle) continue;
        busy = true;
        if (now.time_since_epoch().count() < deadline || watched->expired.exchange(true)) continue;
        ::shutdown(watched->socket, SHUT_RDWR);  // wakes the coroutine that waits for it
    }
    if (busy) test_silent_servers(now);
    // A later caller may have an earlier deadline: readiness waits less than a statement.
    std::erase_if(waiters_, [this, now](Waiter* waiter) {
        if (waiter->deadline > now) return false;
        shared_->waiting.add(-1);
        waiter->refusal = "no connection to PostgreSQL became free in time";
        // The resumed coroutine may end the io_context; the guard prevents that until post() has returned.
        const auto guard = asio::make_work_guard(waiter->parked.executor);
        resume(waiter);
        return true;
    });
    return busy || !waiters_.empty();
}

/// The time after which the server of a running statement is tested. The test takes up to three times as long.
std::chrono::milliseconds PostgresPool::silence_limit() const {
    return shared_->settings.options().connect_deadline / 4;
}

/// A server that is frozen or cut off does not break connections. A server that is only slow accepts a new one.
void PostgresPool::test_silent_servers(std::chrono::steady_clock::time_point now) {
    if (is_asking_ || closed_ || now < asked_at_ + silence_limit()) return;
    const auto is_silent = [this, now](const Watched* watched) {
        const auto since = watched->since.load();
        const std::chrono::steady_clock::time_point sent{std::chrono::steady_clock::duration(since)};
        return since != Watched::kIdle && !watched->expired.load() && now - sent >= silence_limit();
    };
    const auto silent = std::ranges::find_if(watched_, is_silent);
    if (silent == watched_.end()) return;
    is_asking_ = true;
    // The callers that wait for the silent server keep the io_context running until this has begun.
    asio::co_spawn(io_, test_silent((*silent)->server), [self = shared_from_this()](const std::exception_ptr&) {
        const std::lock_guard lock(self->mutex_);
        self->is_asking_ = false;
        self->asked_at_ = std::chrono::steady_clock::now();
    });
}

Task<void> PostgresPool::test_silent(PostgresSettings::Parameters server) {
    const auto name = host_of(server);
    if (co_await PostgresConnection::answers(io_, std::move(server), 3 * silence_limit())) co_return;
    std::vector<std::weak_ptr<PostgresPool>> pools;
    {
        const std::lock_guard lock(shared_->mutex);
        pools = shared_->pools;
    }
    for (const auto& weak : pools) {
        if (const auto pool = weak.lock()) pool->give_up(name);
    }
}

void PostgresPool::give_up(const std::string& server) {
    std::vector<std::unique_ptr<PostgresConnection>> closing;  // closed after the lock is released
    const std::lock_guard lock(mutex_);
    note_failure("PostgreSQL: " + server + " does not answer");
    std::erase_if(idle_, [&](auto& idle) {
        if (host_of(idle->watched().server) != server) return false;
        std::erase(watched_, &idle->watched());
        closing.push_back(std::move(idle));
        return true;
    });
    for (auto* watched : watched_) {
        if (host_of(watched->server) == server && !watched->expired.exchange(true))
            ::shutdown(watched->socket, SHUT_RDWR);
    }
    for (std::size_t i = 0; i < closing.size(); ++i) {
        shared_->open.add(-1);
        connection_closed();
    }
}

void PostgresPool::close() {
    std::vector<std::unique_ptr<PostgresConnection>> idle;
    std::deque<Waiter*> waiters;
    {
        const std::lock_guard lock(mutex_);
        closed_ = true;
        idle.swap(idle_);
        waiters.swap(waiters_);
        for (const auto& connection : idle) std::erase(watched_, &connection->watched());
        shared_->open.add(-static_cast<double>(idle.size()));
        shared_->waiting.add(-static_cast<double>(waiters.size()));
        open_ -= idle.size();
    }
    // They will not be resumed any more. The handler owns the coroutine, and with it the waiter.
    for (auto* waiter : waiters) const auto handler = std::move(waiter->parked.handler);
}

bool PostgresPool::was_down() {
    const std::lock_guard lock(mutex_);
    return down_;
}

bool PostgresPool::is_closed() {
    const std::lock_guard lock(mutex_);
    return closed_;
}

void PostgresPool::connection_closed() {
    --open_;
    if (waiters_.empty()) return;
    if (is_down()) {
        if (open_ == connecting_) refuse_waiters();
        return;
    }
    auto* waiter = waiters_.front();
    waiters_.pop_front();
    shared_->waiting.add(-1);
    ++open_;
    ++connecting_;
    waiter->may_connect = true;
    resume(waiter);
}

void PostgresPool::refuse_unavailable(Waiter& waiter) {
    waiter.is_unavailable = true;
    waiter.refusal = down_reason_;
    resume(&waiter);
}

void PostgresPool::note_failure(const std::string& reason) {
    down_ = true;
    down_reason_ = reason;
    down_until_ = std::chrono::steady_clock::now() + std::max(kLeastPause, backoff_.next());
}

void PostgresPool::resume(Waiter* waiter) {
    asio::post(waiter->parked.executor, [waiter] { waiter->parked.resume(); });
}

void PostgresPool::refuse_waiters() {
    for (auto* waiter : waiters_) {
        shared_->waiting.add(-1);
        refuse_unavailable(*waiter);
    }
    waiters_.clear();
}

}  // namespace guildhall::sql
