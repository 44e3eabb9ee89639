#pragma once

#include <optional>
#include <utility>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "platform/async/task.hpp"

namespace guildhall::sql {

/// A coroutine that waits in a queue. It is stored in the frame of the coroutine itself, so that waiting does not
/// allocate.
struct Parked {
    using Handler = boost::asio::async_result<boost::asio::use_awaitable_t<>, void()>::handler_type;

    boost::asio::any_io_executor executor;
    std::optional<Handler> handler;

    /// Resumes the coroutine; call on its executor. `*this` may be destroyed afterwards.
    void resume() {
        auto taken = std::move(*handler);
        std::move(taken)();
    }
};

/// Suspends the calling coroutine, then calls `enqueue()`, which passes `parked` to the code that resumes it. It may be
/// resumed at once, on another thread. `enqueue` must not throw.
template <class Enqueue>
Task<void> park(Parked& parked, Enqueue& enqueue) {
    auto start = [&parked, &enqueue](auto handler) {
        parked.executor = boost::asio::get_associated_executor(handler);
        parked.handler.emplace(std::move(handler));
        enqueue();
    };
    return boost::asio::async_initiate<const boost::asio::use_awaitable_t<>&, void()>(start,
                                                                                      boost::asio::use_awaitable);
}

}  // namespace guildhall::sql
