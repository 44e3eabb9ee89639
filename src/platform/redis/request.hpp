#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "platform/redis/command.hpp"
#include "platform/redis/reply.hpp"

namespace guildhall::redis {

/// How a command ended: with an answer, or with the reason why there is none.
struct Outcome {
    Reply reply = {};
    std::optional<std::string> failure = "Redis: no outcome";  // none: there is an answer
};

/// A coroutine that waits for the outcomes of its commands. They lie in its frame, which lives as long as the handler that is to resume it.
class Waiter {
public:
    using Handler = boost::asio::async_result<boost::asio::use_awaitable_t<>, void()>::handler_type;

    Waiter(Handler handler, Outcome* outcomes, std::size_t count)
        : executor_(boost::asio::get_associated_executor(handler)),
          handler_(std::move(handler)),
          outcomes_(outcomes),
          left_(count) {}

    /// Notes how command `index` ended; after the last one the coroutine goes on, on its own executor. On one thread only.
    void complete(std::size_t index, Outcome outcome) {
        outcomes_[index] = std::move(outcome);
        if (--left_ > 0) return;
        // Who is resumed may end the io_context: not before post() has returned.
        const auto guard = boost::asio::make_work_guard(executor_);
        boost::asio::post(executor_, [handler = std::move(handler_)]() mutable { std::move(handler)(); });
    }

private:
    boost::asio::any_io_executor executor_;
    Handler handler_;
    Outcome* outcomes_;
    std::size_t left_;
};

/// A command on its way.
struct Request {
    Command command;
    std::chrono::steady_clock::time_point deadline;
    std::shared_ptr<Waiter> waiter;  // null: nobody waits for the outcome
    std::size_t index = 0;           // among the commands of the waiter
    bool is_asking = false;  // the next node is told that it may answer for a slot that is still on its way to it
    int redirections = 0;

    /// Ends it.
    void complete(Outcome outcome) {
        if (waiter) waiter->complete(index, std::move(outcome));
    }
};
using RequestPointer = std::unique_ptr<Request>;

}  // namespace guildhall::redis
