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

/// Something that is true of a call from when anybody who works for it says so. Thread-safe.
class Remark {
public:
    Remark() = default;
    Remark(const Remark& other) : is_made_(other.is_made()) {}
    Remark& operator=(const Remark&) = delete;
    void make() const { is_made_.store(true, std::memory_order_relaxed); }
    bool is_made() const { return is_made_.load(std::memory_order_relaxed); }

private:
    mutable std::atomic<bool> is_made_{false};
};

/// What a chain of coroutines is at work for: one request from outside. Outward calls pass it on and do not outlast it.
struct Call {
    using Deadline = std::chrono::steady_clock::time_point;
    std::string request_id;
    std::string traceparent;              // W3C
    Deadline deadline = Deadline::max();  // then nobody waits for the answer any more
    bool reads_only = false;              // nothing is written on the ground of what it reads
    Remark is_makeshift = {};  // it read in the place of an authority that is away: nobody should keep the answer
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
