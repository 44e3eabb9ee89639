#include "platform/outbox/relay.hpp"

#include <algorithm>
#include <iterator>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <spdlog/spdlog.h>

#include "platform/async/backoff.hpp"
#include "platform/async/gate.hpp"
#include "platform/base/metrics.hpp"
#include "platform/base/text.hpp"
#include "platform/outbox/outbox.hpp"
#include "platform/outbox/partition.hpp"

namespace guildhall::outbox {
namespace {

using std::chrono::milliseconds;

constexpr sql::Statement kRegister{"relay.register", R"(
    INSERT INTO relay_leases (partition, owner, expires_at) VALUES ($1, $2, $3)
    ON CONFLICT (partition) DO UPDATE SET owner = excluded.owner, expires_at = excluded.expires_at)"};

constexpr sql::Statement kForgetRelays{"relay.forget_relays",
                                       "DELETE FROM relay_leases WHERE partition >= 16 AND expires_at < $1"};

constexpr sql::Statement kCountRelays{
    "relay.count_relays", "SELECT COUNT(DISTINCT owner) FROM relay_leases WHERE partition >= 16 AND expires_at >= $1"};

constexpr sql::Statement kRenew{
    "relay.renew", "UPDATE relay_leases SET expires_at = $2 WHERE partition < 16 AND owner = $1 RETURNING partition"};

constexpr sql::Statement kListExpired{
    "relay.list_expired",
    "SELECT partition FROM relay_leases WHERE partition < 16 AND expires_at < $1 ORDER BY partition LIMIT $2"};

constexpr sql::Statement kTakePartitions{"relay.take", R"(
    UPDATE relay_leases SET owner = $1, expires_at = $2
    WHERE partition IN ($4:ids) AND expires_at < $3 RETURNING partition)"};

constexpr sql::Statement kGiveBack{
    "relay.give_back", "UPDATE relay_leases SET owner = '', expires_at = 0 WHERE owner = $1 AND partition IN ($2:ids)"};

constexpr sql::Statement kLeave{"relay.leave", "DELETE FROM relay_leases WHERE partition >= 16 AND owner = $1"};

constexpr sql::Statement kRead{"relay.read", R"(
    SELECT subject, position, id, partition, type, source, time, traceparent, data, consumer FROM outbox
    WHERE partition >= $1 AND partition <= $2 ORDER BY partition, position, id LIMIT $3)"};

// By id, because a transaction that took its position earlier may commit after the read. The range is for the index.
constexpr sql::Statement kRemove{"relay.remove", R"(
    DELETE FROM outbox
    WHERE (partition, position) >= ($1, $2) AND (partition, position) <= ($3, $4) AND id IN ($5:ids)
      AND consumer = '')"};

// A replayed event has the id of the original event, so several rows may have this id.
constexpr sql::Statement kRemoveReplay{"relay.remove_replay",
                                       "DELETE FROM outbox WHERE subject = $1 AND position = $2 AND id = $3"};

constexpr std::int64_t kMostCounted = 10'000;
constexpr sql::Statement kCountWaiting{"relay.count_waiting",
                                       "SELECT COUNT(*) FROM (SELECT 1 FROM outbox LIMIT $1) AS waiting"};

// The partitions from `first` to `last`.
struct Range {
    std::int64_t first;
    std::int64_t last;
};

// The key of a row.
struct Key {
    std::int64_t subject;
    std::int64_t position;
    std::int64_t id;
};

// The rows of one read.
struct Taken {
    std::int64_t first_partition;
    std::int64_t first_position;
    std::int64_t last_partition;
    std::int64_t last_position;
    sql::Ids ids;
    std::vector<Key> replays;
};

sql::Ids partitions_in(sql::Rows& rows) {
    sql::Ids partitions;
    for (auto row : rows) partitions.push_back(row.number(0));
    return partitions;
}

void check(const Result<std::size_t>& done) {
    if (!done) throw Unavailable(done.error().detail);
}

}  // namespace

struct Relay::State : std::enable_shared_from_this<Relay::State> {
    State(sql::Database& from, bus::Bus& to, const Clock& time, std::string name, Options given)
        : database(from), bus(to), clock(time), owner(std::move(name)), options(std::move(given)) {}

    Task<void> run();
    Task<std::size_t> relay_batch();
    Task<void> claim();
    Task<void> remove(const std::vector<Taken>& taken);
    Task<void> drain();
    Task<void> leave();
    Task<void> sleep();
    Task<void> pause(milliseconds duration, bool until_woken);
    std::vector<Range> ranges() const;
    void notify();

    sql::Database& database;
    bus::Bus& bus;
    const Clock& clock;
    const std::string owner;
    const Options options;
    const std::int64_t member =
        kPartitions + static_cast<std::int64_t>(stable_hash(owner) >> 2);  // the row that registers this relay

    // For relay_batch() only.
    Gate gate;         // run() and relay_once() do not overlap
    sql::Ids held;     // partitions, sorted
    Time claim_due{};  // the first batch claims
    std::int64_t next_partition = 0;

    std::atomic<bool> is_woken{true};
    std::atomic<bool> is_stopping{false};
    std::mutex mutex;
    std::optional<boost::asio::any_io_executor> executor;  // of run(), while it runs
    // For that executor only.
    boost::asio::steady_timer* timer = nullptr;
    bool is_wakeable = false;

    const metrics::Labels labels{{"service", options.service}};
    metrics::Counter& relayed =
        metrics::counter("guildhall_outbox_relayed_total", "Events that the relay has passed to the bus.", labels);
    metrics::Counter& failures =
        metrics::counter("guildhall_outbox_failures_total", "Batches that the relay could not publish.", labels);
    metrics::Gauge& size =
        metrics::gauge("guildhall_outbox_size", "Events that wait in the outbox, counted up to 10,000.", labels);
    metrics::Gauge& lag =
        metrics::gauge("guildhall_outbox_lag_seconds", "Age of the oldest event that the relay read last.", labels);
};

Task<void> Relay::State::run() {
    boost::asio::steady_timer own_timer(co_await boost::asio::this_coro::executor);
    timer = &own_timer;
    {
        const std::lock_guard lock(mutex);
        executor = own_timer.get_executor();
    }
    // Also when the executor is destroyed first: wake() must not use it after that.
    const std::shared_ptr<void> at_end(nullptr, [this](void*) {
        const std::lock_guard lock(mutex);
        executor.reset();
        timer = nullptr;
    });

    Backoff backoff(milliseconds(50), milliseconds(5000));
    auto active_at = std::chrono::steady_clock::now();
    while (!is_stopping) {
        // Before the read: a wake() from now on causes another batch.
        if (is_woken.exchange(false)) active_at = std::chrono::steady_clock::now();
        std::size_t count = 0;
        std::optional<milliseconds> retry;
        try {
            count = co_await relay_batch();
            if (count > 0) active_at = std::chrono::steady_clock::now();
            if (std::chrono::steady_clock::now() - active_at >= options.sleep_after) {
                co_await leave();
                co_await sleep();
                active_at = std::chrono::steady_clock::now();
            }
            backoff.reset();
        } catch (const std::exception& error) {
            retry = backoff.next();
            failures.add();
            spdlog::warn("relay of {} failed, next try in {} ms: {}", owner, retry->count(), error.what());
        }
        if (retry) {
            co_await pause(*retry, false);
        } else if (count == 0) {
            co_await pause(options.poll, true);
        } else if (count < options.batch) {
            co_await pause(options.rest, false);
        }
    }
    co_await drain();
}

// Publishes one batch from all partitions of this relay and deletes it. Returns the number of its events.
Task<std::size_t> Relay::State::relay_batch() {
    const Gate::Pass pass = co_await gate.enter();
    if (clock.now() >= claim_due) co_await claim();

    std::vector<bus::Envelope> events;
    std::vector<Taken> taken;
    for (const Range range : ranges()) {
        if (events.size() >= options.batch) break;
        auto rows = co_await database.read(kRead, sql::params(range.first, range.last, options.batch - events.size()));
        if (rows.empty()) continue;
        auto first = rows[0];
        auto last = rows[rows.size() - 1];
        Taken& part = taken.emplace_back(first.number(3), first.number(1), last.number(3), last.number(1), sql::Ids(),
                                         std::vector<Key>());
        part.ids.reserve(rows.size());
        events.reserve(events.size() + rows.size());
        for (auto row : rows) {
            std::string consumer = row.take_text(9);
            if (consumer.empty()) {
                part.ids.push_back(row.number(2));
            } else {
                part.replays.push_back({row.number(0), row.number(1), row.number(2)});
            }
            events.push_back({.id = row.id<bus::EventId>(2),
                              .source = row.take_text(5),
                              .type = row.take_text(4),
                              .subject = row.number(0),
                              .time = row.time(6),
                              .traceparent = row.take_text(7),
                              .data = row.take_text(8),
                              .consumer = std::move(consumer)});
        }
    }
    const std::size_t count = events.size();
    if (count == 0) {
        next_partition = 0;
        lag.set(0);
        co_return 0;
    }
    // A full batch may have come from one busy partition: the next batch starts with the others.
    next_partition = count < options.batch ? 0 : taken.back().last_partition + 1;
    const Time oldest = std::ranges::min_element(events, {}, &bus::Envelope::time)->time;
    lag.set(std::chrono::duration<double>(clock.now() - oldest).count());

    co_await bus.publish(std::move(events));
    co_await remove(taken);
    relayed.add(static_cast<double>(count));
    co_return count;
}

// Renews the leases, and takes or releases partitions so that all running relays have about the same number.
Task<void> Relay::State::claim() {
    const Time now = clock.now();
    const Time until = now + options.lease;
    std::size_t relays = 1;
    auto body = [&](sql::Transaction& tx) -> Task<Result<std::size_t>> {
        co_await tx.execute(kForgetRelays, sql::params(now - 10 * options.lease));
        co_await tx.execute(kRegister, sql::params(member, owner, until));
        auto renewed = co_await tx.query(kRenew, sql::params(owner, until));
        held = partitions_in(renewed);
        std::ranges::sort(held);
        auto counted = co_await tx.query(kCountRelays, sql::params(now));
        relays = static_cast<std::size_t>(std::max<std::int64_t>(counted[0].number(0), 1));
        const std::size_t share = (kPartitions + relays - 1) / relays;
        if (held.size() > share) {
            const auto surplus = held.begin() + static_cast<std::ptrdiff_t>(share);
            co_await tx.execute(kGiveBack, sql::params(owner, sql::Ids(surplus, held.end())));
            held.erase(surplus, held.end());
        } else if (held.size() < share) {
            auto expired = co_await tx.query(kListExpired, sql::params(now, share - held.size()));
            if (expired.empty()) co_return held.size();
            auto took = co_await tx.query(kTakePartitions, sql::params(owner, until, now, partitions_in(expired)));
            std::ranges::copy(partitions_in(took), std::back_inserter(held));
        }
        co_return held.size();
    };
    check(co_await database.transact<std::size_t>(body));
    std::ranges::sort(held);
    // Another relay releases the missing partitions at its next renewal: look often until then.
    const bool is_short = held.size() < kPartitions / relays;
    claim_due = now + (is_short ? std::chrono::duration_cast<std::chrono::microseconds>(options.poll)
                                : std::chrono::duration_cast<std::chrono::microseconds>(options.lease) / 3);

    auto waiting = co_await database.read(kCountWaiting, sql::params(kMostCounted));
    size.set(static_cast<double>(waiting[0].number(0)));
}

Task<void> Relay::State::remove(const std::vector<Taken>& taken) {
    auto body = [&](sql::Transaction& tx) -> Task<Result<std::size_t>> {
        for (const Taken& part : taken) {
            co_await tx.execute(kRemove, sql::params(part.first_partition, part.first_position, part.last_partition,
                                                     part.last_position, part.ids));
            for (const Key& key : part.replays)
                co_await tx.execute(kRemoveReplay, sql::params(key.subject, key.position, key.id));
        }
        co_return taken.size();
    };
    check(co_await database.transact<std::size_t>(body));
}

// Relays what is left and releases the leases; a batch that is not full is the last. Events that cannot be relayed now
// stay for another relay or the next start.
Task<void> Relay::State::drain() {
    const auto deadline = std::chrono::steady_clock::now() + options.lease;
    try {
        while (std::chrono::steady_clock::now() < deadline && co_await relay_batch() >= options.batch) {
        }
        co_await leave();
    } catch (const std::exception& error) {
        spdlog::warn("relay of {} ended before all events were relayed: {}", owner, error.what());
    }
}

Task<void> Relay::State::leave() {
    const Gate::Pass pass = co_await gate.enter();
    auto body = [&](sql::Transaction& tx) -> Task<Result<std::size_t>> {
        co_await tx.execute(kGiveBack, sql::params(owner, held));
        co_await tx.execute(kLeave, sql::params(owner));
        co_return held.size();
    };
    check(co_await database.transact<std::size_t>(body));
    held.clear();
    claim_due = Time{};
}

// Until wake() or stop(), or until events of another process wait.
Task<void> Relay::State::sleep() {
    while (!is_stopping && !is_woken) {
        co_await pause(options.sleep_poll, true);
        if (is_stopping || is_woken) co_return;
        const auto waiting = co_await database.read(kFindWaiting, {});
        if (!waiting.empty()) co_return;
    }
}

Task<void> Relay::State::pause(milliseconds duration, bool until_woken) {
    if (is_stopping || (until_woken && is_woken)) co_return;
    is_wakeable = until_woken;
    timer->expires_after(duration);
    boost::system::error_code cancelled;
    co_await timer->async_wait(boost::asio::redirect_error(boost::asio::use_awaitable, cancelled));
    is_wakeable = false;
}

// The partitions of this relay as few ranges, starting at next_partition and wrapping around.
std::vector<Range> Relay::State::ranges() const {
    std::vector<Range> out;
    const auto start = std::ranges::lower_bound(held, next_partition);
    const auto add = [&out](std::int64_t partition) {
        if (!out.empty() && out.back().last + 1 == partition) {
            out.back().last = partition;
        } else {
            out.push_back({partition, partition});
        }
    };
    std::for_each(start, held.end(), add);
    std::for_each(held.begin(), start, add);
    return out;
}

void Relay::State::notify() {
    const std::lock_guard lock(mutex);
    if (!executor) return;
    boost::asio::post(*executor, [self = shared_from_this()] {
        if (self->timer != nullptr && (self->is_wakeable || self->is_stopping)) self->timer->cancel();
    });
}

Relay::Relay(sql::Database& database, bus::Bus& bus, const Clock& clock, std::string owner, Options options)
    : state_(std::make_shared<State>(database, bus, clock, std::move(owner), std::move(options))) {}

Relay::~Relay() = default;

Task<void> Relay::run() {
    const auto state = state_;
    co_await state->run();
}

Task<std::size_t> Relay::relay_once() {
    const auto state = state_;
    std::size_t sum = 0;
    std::size_t count = 0;
    do {
        count = co_await state->relay_batch();
        sum += count;
    } while (count >= state->options.batch);
    co_return sum;
}

void Relay::wake() {
    if (!state_->is_woken.exchange(true)) state_->notify();
}

void Relay::stop() {
    state_->is_stopping = true;
    state_->notify();
}

}  // namespace guildhall::outbox
