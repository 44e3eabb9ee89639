#include "platform/cache/loader.hpp"

#include <algorithm>
#include <cstring>
#include <exception>
#include <utility>
#include <vector>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "platform/async/backoff.hpp"
#include "platform/async/task_group.hpp"
#include "platform/base/metrics.hpp"
#include "platform/base/result.hpp"
#include "platform/base/text.hpp"

namespace guildhall::cache {
namespace {

namespace asio = boost::asio;

constexpr char kLease = 'L';
constexpr char kValue = 'V';
constexpr std::size_t kTokenBytes = 8;
constexpr std::size_t kHeadBytes = 1 + kTokenBytes;                         // kind and token: what a swap compares
constexpr std::size_t kValueStart = kHeadBytes + 2 * sizeof(std::int64_t);  // and until when it is fresh, and served
constexpr std::chrono::milliseconds kFirstPoll{5};
constexpr std::chrono::milliseconds kLongestPoll{50};

metrics::Counter& loads() {
    static metrics::Counter& counter =
        metrics::counter("guildhall_cache_loads_total", "Values that were computed because the cache had none.");
    return counter;
}

metrics::Counter& stales() {
    static metrics::Counter& counter =
        metrics::counter("guildhall_cache_stale_total", "Values served past their time while the next was computed.");
    return counter;
}

std::string bytes_of(std::int64_t number) { return {reinterpret_cast<const char*>(&number), sizeof number}; }

std::int64_t number_in(std::string_view bytes) {
    std::int64_t number = 0;
    std::memcpy(&number, bytes.data(), sizeof number);
    return number;
}

}  // namespace

// What is stored under a key: somebody's lease, or a value.
struct Loader::Entry {
    char kind = 0;
    std::string head;
    Time fresh_until;
    Time served_until;
    std::string value;

    explicit Entry(std::string stored) : head(stored, 0, kHeadBytes) {
        if (stored.size() == kHeadBytes && stored[0] == kLease) kind = kLease;
        if (stored.size() < kValueStart || stored[0] != kValue) return;
        kind = kValue;
        fresh_until = from_micros(number_in(std::string_view(stored).substr(kHeadBytes)));
        served_until = from_micros(number_in(std::string_view(stored).substr(kHeadBytes + sizeof(std::int64_t))));
        value = stored.substr(kValueStart);
    }
    Entry(const std::string& token, Time fresh, Time served, std::string bytes)
        : kind(kValue),
          head(std::string(1, kValue) + token),
          fresh_until(fresh),
          served_until(served),
          value(std::move(bytes)) {}
    std::string stored() const {
        return head + bytes_of(to_micros(fresh_until)) + bytes_of(to_micros(served_until)) + value;
    }
};

// One computation in this process, and those who wait for it.
struct Loader::Flight {
    struct Waiter {
        asio::any_io_executor executor;
        asio::steady_timer timer;
    };
    // All under the loader's mutex.
    bool has_landed = false;
    std::optional<std::string> value;  // for all who wait; without it they look into the cache again
    std::exception_ptr failure;
    std::vector<std::shared_ptr<Waiter>> waiters;
};

// Ends a flight, also when its coroutine is destroyed under way.
class Loader::Pilot {
public:
    Pilot(Loader& loader, const std::string& key, FlightPointer flight)
        : loader_(loader), key_(key), flight_(std::move(flight)) {}
    Pilot(const Pilot&) = delete;
    Pilot& operator=(const Pilot&) = delete;
    ~Pilot() {
        const std::lock_guard lock(loader_.mutex_);
        const auto found = loader_.flights_.find(key_);
        if (found != loader_.flights_.end() && found->second == flight_) loader_.flights_.erase(found);
        flight_->has_landed = true;
        for (const auto& waiter : flight_->waiters) {
            asio::post(waiter->executor, [waiter] { waiter->timer.cancel(); });
        }
    }

private:
    Loader& loader_;
    const std::string& key_;
    const FlightPointer flight_;
};

// Waits among the others of a flight, until it is destroyed.
class Loader::Follower {
public:
    Follower(Loader& loader, FlightPointer flight, std::shared_ptr<Flight::Waiter> waiter)
        : loader_(loader), flight_(std::move(flight)), waiter_(std::move(waiter)) {
        const std::lock_guard lock(loader_.mutex_);
        must_wait_ = !flight_->has_landed;
        if (must_wait_) flight_->waiters.push_back(waiter_);
    }
    Follower(const Follower&) = delete;
    Follower& operator=(const Follower&) = delete;
    ~Follower() {
        const std::lock_guard lock(loader_.mutex_);
        std::erase(flight_->waiters, waiter_);
    }
    bool must_wait() const { return must_wait_; }

private:
    Loader& loader_;
    const FlightPointer flight_;
    const std::shared_ptr<Flight::Waiter> waiter_;
    bool must_wait_ = false;
};

std::string Loader::new_token() const { return random_bytes(kTokenBytes); }

std::string Loader::entry_of(std::string value) const {
    const Time fresh_until = clock_.now() + options_.ttl;
    return Entry(new_token(), fresh_until, fresh_until + options_.stale_for, std::move(value)).stored();
}

Task<std::string> Loader::get(std::string key, Load load) {
    const auto deadline = std::chrono::steady_clock::now() + options_.wait;
    for (;;) {
        if (auto stored = co_await cache_.get(key)) {
            if (auto value = co_await take_cached(key, std::move(*stored), load)) co_return std::move(*value);
        }
        FlightPointer flight;
        bool is_mine = false;
        {
            const std::lock_guard lock(mutex_);
            FlightPointer& place = flights_[key];
            is_mine = !place;
            if (is_mine) place = std::make_shared<Flight>();
            flight = place;
        }
        if (is_mine) co_return co_await lead(std::move(key), std::move(load), std::move(flight));
        if (auto value = co_await follow(std::move(flight), deadline)) co_return std::move(*value);
        if (std::chrono::steady_clock::now() < deadline) continue;
        loads().add();
        co_return co_await load();
    }
}

Task<void> Loader::invalidate(std::string_view key) {
    {
        const std::lock_guard lock(mutex_);
        flights_.erase(std::string(key));  // nobody joins what was begun before
    }
    co_await cache_.erase(key);
}

/// The value that is stored, or nothing when it is not to be used. One who finds it stale computes the next; meanwhile it counts as fresh.
Task<std::optional<std::string>> Loader::take_cached(std::string key, std::string stored, Load load) {
    Entry entry(std::move(stored));
    const Time now = clock_.now();
    if (entry.kind != kValue || entry.served_until <= now) co_return std::nullopt;
    if (now < entry.fresh_until) co_return std::move(entry.value);

    stales().add();
    const Time fresh_until = std::min(now + std::chrono::microseconds(options_.lease), entry.served_until);
    const Entry held(new_token(), fresh_until, entry.served_until, entry.value);
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(entry.served_until - now);
    if (!co_await cache_.swap(key, entry.head, held.stored(), left)) co_return std::move(entry.value);
    loads().add();
    std::string value;
    try {
        value = co_await load();
    } catch (const Unavailable&) {
        co_return std::move(entry.value);
    }
    co_await cache_.swap(key, held.head, entry_of(value), options_.ttl + options_.stale_for);
    co_return value;
}

/// Gets the lease and computes, or takes what another process has computed.
Task<std::string> Loader::lead(std::string key, Load load, FlightPointer flight) {
    const Pilot pilot(*this, key, flight);
    const auto deadline = std::chrono::steady_clock::now() + options_.wait;
    Backoff poll(kFirstPoll, kLongestPoll);
    std::string replaced;  // what is no lease and no value any more
    bool was_absent = false;
    for (;;) {
        std::string lease = kLease + new_token();
        if (co_await cache_.swap(key, replaced, lease, options_.lease)) {
            co_return co_await load_under(std::move(key), std::move(lease), std::move(load), std::move(flight));
        }
        auto stored = co_await cache_.get(key);
        if (!stored) {
            // Once it may have ended in between. Twice: the cache is away.
            if (std::exchange(was_absent, true)) {
                co_return co_await load_under(std::move(key), {}, std::move(load), std::move(flight));
            }
            replaced.clear();
            continue;
        }
        Entry entry(std::move(*stored));
        const bool is_dead = entry.kind != kLease && (entry.kind != kValue || entry.served_until <= clock_.now());
        if (entry.kind == kValue && !is_dead) co_return std::move(entry.value);
        if (std::chrono::steady_clock::now() >= deadline) break;
        replaced = is_dead ? entry.head : std::string();
        if (!is_dead) co_await sleep_for(poll.next());
    }
    loads().add();
    co_return co_await load();
}

/// Computes and stores, if `lease` still holds then. Without a lease the cache is away.
Task<std::string> Loader::load_under(std::string key, std::string lease, Load load, FlightPointer flight) {
    loads().add();
    std::string value;
    std::exception_ptr failure;
    try {
        value = co_await load();
    } catch (...) {
        failure = std::current_exception();
    }
    bool is_current = lease.empty();
    {
        // Who joins from now on may have seen an invalidation that comes before the swap.
        const std::lock_guard lock(mutex_);
        const auto found = flights_.find(key);
        const bool is_listed = found != flights_.end() && found->second == flight;
        if (is_listed) flights_.erase(found);
        is_current = is_current && is_listed;
        flight->failure = failure;
    }
    if (failure) {
        // No value: the lease ends at once, so that others need not wait for it.
        if (!lease.empty()) co_await cache_.swap(key, lease, lease, std::chrono::milliseconds(1));
        std::rethrow_exception(failure);
    }
    if (!lease.empty()) {
        is_current = co_await cache_.swap(key, lease, entry_of(value), options_.ttl + options_.stale_for);
    }
    const std::lock_guard lock(mutex_);
    if (is_current) flight->value = value;
    co_return value;
}

/// The value of the flight; nothing when there is none for this caller, or not by `deadline`.
Task<std::optional<std::string>> Loader::follow(FlightPointer flight, std::chrono::steady_clock::time_point deadline) {
    const auto executor = co_await asio::this_coro::executor;
    const auto waiter = std::make_shared<Flight::Waiter>(executor, asio::steady_timer(executor, deadline));
    {
        const Follower follower(*this, flight, waiter);
        boost::system::error_code cancelled;
        if (follower.must_wait()) {
            co_await waiter->timer.async_wait(asio::redirect_error(asio::use_awaitable, cancelled));
        }
    }
    const std::lock_guard lock(mutex_);
    if (flight->failure) std::rethrow_exception(flight->failure);
    co_return flight->value;
}

}  // namespace guildhall::cache
