#include "platform/async/alarm.hpp"

#include <utility>

#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace guildhall {

Task<void> Alarm::sleep(std::chrono::milliseconds limit) {
    auto timer = std::make_shared<boost::asio::steady_timer>(co_await boost::asio::this_coro::executor, limit);
    {
        const std::lock_guard lock(mutex_);
        if (std::exchange(is_rung_, false)) co_return;
        timer_ = timer;
    }
    // Also when the executor is destroyed first: ring() must not use it after that.
    const std::shared_ptr<void> at_end(nullptr, [this](void*) {
        const std::lock_guard lock(mutex_);
        timer_.reset();
        is_rung_ = false;
    });
    boost::system::error_code cancelled;
    co_await timer->async_wait(boost::asio::redirect_error(boost::asio::use_awaitable, cancelled));
}

void Alarm::ring() {
    const std::lock_guard lock(mutex_);
    is_rung_ = true;
    if (timer_) boost::asio::post(timer_->get_executor(), [timer = timer_] { timer->cancel(); });
}

}  // namespace guildhall
