#pragma once

#include <atomic>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>

#include <boost/asio/async_result.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "platform/async/task.hpp"
#include "platform/base/result.hpp"

namespace guildhall {

/// Threads for work that blocks or needs much CPU time, so that the io threads stay free. At most `max_waiting` jobs
/// wait.
class Pool {
public:
    Pool(std::string name, std::size_t threads, std::size_t max_waiting);
    ~Pool();
    Pool(const Pool&) = delete;
    Pool& operator=(const Pool&) = delete;

    const std::string& name() const { return name_; }
    /// The number of jobs that wait or run.
    std::size_t load() const { return load_.load(std::memory_order_relaxed); }

    /// Reserves a place for one job. Throws Unavailable ("<name> is busy") when none is free.
    void enter();
    void leave() { load_.fetch_sub(1, std::memory_order_relaxed); }
    boost::asio::thread_pool& threads() { return threads_; }

private:
    const std::string name_;
    const std::size_t limit_;
    std::atomic<std::size_t> load_{0};
    boost::asio::thread_pool threads_;
};

/// Runs `work` on `pool` and resumes on the caller's executor with its result. An exception of `work` is thrown to the
/// caller. Throws Unavailable immediately when the queue of the pool is full.
template <class Work>
Task<std::invoke_result_t<Work>> run_on(Pool& pool, Work work) {
    using T = std::invoke_result_t<Work>;
    pool.enter();
    std::exception_ptr failure;
    std::conditional_t<std::is_void_v<T>, bool, std::optional<T>> result{};
    auto start = [&](auto handler) {
        auto executor = boost::asio::get_associated_executor(handler);
        auto shared = std::make_shared<decltype(handler)>(std::move(handler));
        boost::asio::post(pool.threads(),
                          [&, shared, executor, guard = boost::asio::make_work_guard(executor)]() mutable {
                              try {
                                  if constexpr (std::is_void_v<T>) {
                                      work();
                                  } else {
                                      result.emplace(work());
                                  }
                              } catch (...) {
                                  failure = std::current_exception();
                              }
                              pool.leave();
                              boost::asio::post(executor, [shared] { std::move (*shared)(); });
                          });
    };
    co_await boost::asio::async_initiate<const boost::asio::use_awaitable_t<>&, void()>(start,
                                                                                        boost::asio::use_awaitable);
    if (failure) std::rethrow_exception(failure);
    if constexpr (!std::is_void_v<T>) co_return std::move(*result);
}

}  // namespace guildhall
