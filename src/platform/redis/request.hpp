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

/// The end of a command: an answer, or the reason why there is none.
struct Outcome {
    Reply reply = {};
    std::optional<std::string> failure = "Redis: no outcome";  // empty: there is an answer
};

/// A coroutine that waits for the outcomes of its commands. They are in its frame, which lives as long as the handler
/// that resumes it.
class Waiter {
public:
    using Handler = boost::asio::async_result<boost::asio::use_awaitable_t<>, void()>::handler_type;

    Waiter(Handler handler, Outcome* outcomes, std::size_t count)
        : executor_(boost::asio::get_associated_executor(handler)),
          handler_(std::move(handler)),
          outcomes_(outcomes),
          left_(count) {}

    /// Stores the outcome of command `index`. After the last one, resumes the coroutine on its executor. For one thread
    /// only.
    void complete(std::size_t index, Outcome outcome) {
        outcomes_[index] = std::move(outcome);
        if (--left_ > 0) return;
        // The resumed coroutine may end the io_context; the guard prevents that until post() has returned.
        const auto guard = boost::asio::make_work_guard(executor_);
        boost::asio::post(executor_, [handler = std::move(handler_)]() mutable { std::move(handler)(); });
    }

private:
    boost::asio::any_io_executor executor_;
    Handler handler_;
    Outcome* outcomes_;
    std::size_t left_;
};

/// A command that has no outcome yet.
struct Request {
    Command command;
    std::chrono::steady_clock::time_point deadline;
    std::shared_ptr<Waiter> waiter;  // null: nobody waits for the outcome
    std::size_t index = 0;           // among the commands of the waiter
    bool is_asking = false;          // send ASKING first, because the slot is still being moved to the next node
    int redirections = 0;

    /// Passes the outcome to the waiter.
    void complete(Outcome outcome) {
        if (waiter) waiter->complete(index, std::move(outcome));
    }
};
using RequestPointer = std::unique_ptr<Request>;

}  // namespace guildhall::redis
