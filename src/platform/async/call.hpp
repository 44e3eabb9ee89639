#pragma once

#include <chrono>
#include <memory>
#include <string>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "platform/async/task.hpp"

namespace guildhall {

/// What a chain of coroutines is at work for: one request from outside. Outward calls pass it on and do not outlast it.
struct Call {
    using Deadline = std::chrono::steady_clock::time_point;
    std::string request_id;
    std::string traceparent;              // W3C
    Deadline deadline = Deadline::max();  // then nobody waits for the answer any more
    bool reads_only = false;              // nothing is written on the ground of what it reads
};
using CallPointer = std::shared_ptr<const Call>;

/// The call that the running coroutine works for; null when it works for none, like a relay or an upkeep.
Task<CallPointer> current_call();

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
