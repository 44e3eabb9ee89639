#include "platform/async/gate.hpp"

#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace guildhall {

Task<Gate::Pass> Gate::enter() {
    auto start = [this](auto handler) {
        auto executor = boost::asio::get_associated_executor(handler);
        auto guard = boost::asio::make_work_guard(executor);
        auto shared = std::make_shared<decltype(handler)>(std::move(handler));
        auto resume = [shared, executor, guard] { boost::asio::post(executor, [shared] { std::move (*shared)(); }); };
        {
            const std::lock_guard lock(mutex_);
            if (is_taken_) {
                waiting_.emplace_back(std::move(resume));
                return;
            }
            is_taken_ = true;
        }
        resume();  // it has become free since try_enter()
    };
    if (!try_enter()) {
        co_await boost::asio::async_initiate<const boost::asio::use_awaitable_t<>&, void()>(start,
                                                                                            boost::asio::use_awaitable);
    }
    co_return Pass(this);
}

bool Gate::try_enter() {
    const std::lock_guard lock(mutex_);
    return !std::exchange(is_taken_, true);
}

void Gate::leave() {
    std::function<void()> next;
    {
        const std::lock_guard lock(mutex_);
        if (waiting_.empty()) {
            is_taken_ = false;
            return;
        }
        next = std::move(waiting_.front());
        waiting_.pop_front();
    }
    next();
}

}  // namespace guildhall
