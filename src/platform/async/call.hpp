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

/// A flag that can only be set, also through a const reference. Thread-safe.
class StickyFlag {
public:
    StickyFlag() = default;
    StickyFlag(const StickyFlag& other) : is_set_(other.is_set()) {}
    StickyFlag& operator=(const StickyFlag&) = delete;
    void set() const { is_set_.store(true, std::memory_order_relaxed); }
    bool is_set() const { return is_set_.load(std::memory_order_relaxed); }

private:
    mutable std::atomic<bool> is_set_{false};
};

/// The request that a chain of coroutines works for. Outgoing requests pass it on and end by its deadline.
struct Call {
    using Deadline = std::chrono::steady_clock::time_point;
    std::string request_id;
    std::string traceparent;              // W3C
    Deadline deadline = Deadline::max();  // nobody waits for the answer after this
    bool reads_only = false;              // it writes nothing
    // Something was read from a copy while its source was unavailable: the answer must not be cached.
    StickyFlag may_be_stale = {};
};
using CallPointer = std::shared_ptr<const Call>;

/// The call that the running coroutine works for; null when there is none, as in a relay.
Task<CallPointer> current_call();
/// The same for a coroutine on `executor`. Lives as long as the executor.
const Call* call_on(const boost::asio::any_io_executor& executor);

namespace detail {
boost::asio::any_io_executor executor_with(boost::asio::any_io_executor inner, CallPointer call);
}

/// Runs `task`, and all that it awaits, for `call`. Costs the start of a coroutine. T must be default-constructible.
template <class T>
Task<T> run_for(CallPointer call, Task<T> task) {
    auto executor = detail::executor_with(co_await boost::asio::this_coro::executor, std::move(call));
    co_return co_await boost::asio::co_spawn(executor, std::move(task), boost::asio::use_awaitable);
}

}  // namespace guildhall
