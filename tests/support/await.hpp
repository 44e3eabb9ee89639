#pragma once

#include <chrono>
#include <exception>
#include <functional>
#include <optional>
#include <thread>
#include <type_traits>
#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include "platform/async/task.hpp"

namespace guildhall::test {

/// Runs `task` to its end on its own io_context and returns its result; rethrows its exception.
template <class T>
T await(Task<T> task) {
    boost::asio::io_context io(1);
    std::exception_ptr failure;
    const auto ended = [&failure](const std::exception_ptr& error) { failure = error; };
    if constexpr (std::is_void_v<T>) {
        boost::asio::co_spawn(io, std::move(task), ended);
        io.run();
        if (failure) std::rethrow_exception(failure);
    } else {
        std::optional<T> result;
        auto keep = [&result](Task<T> inner) -> Task<void> { result.emplace(co_await std::move(inner)); };
        auto outer = keep(std::move(task));
        boost::asio::co_spawn(io, std::move(outer), ended);
        io.run();
        if (failure) std::rethrow_exception(failure);
        return std::move(*result);
    }
}

/// Waits until `condition` is true; false when `limit` has passed first.
inline bool wait_until(const std::function<bool()>& condition,
                       std::chrono::milliseconds limit = std::chrono::seconds(20)) {
    const auto deadline = std::chrono::steady_clock::now() + limit;
    while (!condition()) {
        if (std::chrono::steady_clock::now() > deadline) return false;
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return true;
}

}  // namespace guildhall::test
