#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <string>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "platform/async/task.hpp"

namespace guildhall {

/// A flag that anybody who works for a call may set, and that stays set. Thread-safe.
class Flag {
public:
    Flag() = default;
    Flag(const Flag& other) : is_set_(other.is_set()) {}
    Flag& operator=(const Flag&) = delete;
    void set() const { is_set_.store(true, std::memory_order_relaxed); }
    bool is_set() const { return is_set_.load(std::memory_order_relaxed); }

private:
    mutable std::atomic<bool> is_set_{false};
};

/// What a chain of coroutines works for: one request from outside. Outward calls carry its ids and end by its deadline.
struct Call {
    using Deadline = std::chrono::steady_clock::time_point;
    std::string request_id;
    std::string traceparent;              // W3C
    Deadline deadline = Deadline::max();  // after this nobody waits for the answer
    bool reads_only = false;              // no write depends on what it reads
    Flag may_be_stale = {};  // it read a replica because the primary was unavailable: the answer must not be cached
};
using CallPointer = std::shared_ptr<const Call>;

/// The call that the running coroutine works for; null when it works for none, like a relay or an upkeep.
Task<CallPointer> current_call();
/// The same of a coroutine on `executor`; lives as long as that.
const Call* call_on(const boost::asio::any_io_executor& executor);

namespace detail {
boost::asio::any_io_executor executor_with(boost::asio::any_io_executor inner, CallPointer call);
}

/// Runs `task`, and all that it awaits, for `call`. Costs a coroutine start. T can be default-constructed.
template <class T>
Task<T> run_for(CallPointer call, Task<T> task) {
    auto executor = detail::executor_with(co_await boost::asio::this_coro::executor, std::move(call));
    co_return co_await boost::asio::co_spawn(executor, std::move(task), boost::asio::use_awaitable);
}

}  // namespace guildhall
