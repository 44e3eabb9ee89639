#include "platform/async/task_group.hpp"

#include <exception>
#include <thread>
#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <spdlog/spdlog.h>

namespace guildhall {

TaskGroup::~TaskGroup() {
    if (const std::size_t left = *running_) spdlog::warn("{} tasks were still running at the end", left);
}

void TaskGroup::spawn(boost::asio::any_io_executor executor, std::string name, Task<void> task) {
    running_->fetch_add(1, std::memory_order_relaxed);
    // Counts down when the task has ended, and also when its executor is destroyed first.
    auto leave = [running = running_](void*) { running->fetch_sub(1, std::memory_order_release); };
    std::shared_ptr<void> token(this, std::move(leave));
    auto ended = [token = std::move(token), name = std::move(name)](std::exception_ptr failure) {
        if (!failure) return;
        try {
            std::rethrow_exception(failure);
        } catch (const std::exception& error) {
            spdlog::error("task {} failed: {}", name, error.what());
        } catch (...) {
            spdlog::error("task {} failed", name);
        }
    };
    boost::asio::co_spawn(executor, std::move(task), std::move(ended));
}

std::size_t TaskGroup::wait(std::chrono::milliseconds limit) {
    const auto deadline = std::chrono::steady_clock::now() + limit;
    while (running_->load(std::memory_order_acquire) > 0 && std::chrono::steady_clock::now() < deadline) {
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return running_->load(std::memory_order_acquire);
}

Task<void> sleep_for(std::chrono::milliseconds duration) {
    boost::asio::steady_timer timer(co_await boost::asio::this_coro::executor, duration);
    boost::system::error_code cancelled;
    co_await timer.async_wait(boost::asio::redirect_error(boost::asio::use_awaitable, cancelled));
}

}  // namespace guildhall
