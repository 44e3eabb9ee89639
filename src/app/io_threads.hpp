#pragma once

#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include <boost/asio/io_context.hpp>

#include "platform/async/task.hpp"

namespace guildhall::app {

/// Threads that each run an io_context, from construction until stop().
class IoThreads {
public:
    explicit IoThreads(std::size_t count);
    ~IoThreads();
    const std::vector<boost::asio::io_context*>& contexts() const { return pointers_; }
    boost::asio::io_context& first() { return *pointers_.front(); }
    /// Ends the threads; what still waits on them is destroyed.
    void stop();

private:
    /// A context that can destroy what waits on it before it is destroyed itself.
    struct Context : boost::asio::io_context {
        using io_context::io_context;
        void abandon() { shutdown(); }
    };
    std::vector<std::unique_ptr<Context>> contexts_;
    std::vector<boost::asio::io_context*> pointers_;
    std::vector<std::thread> threads_;
};

/// Runs `task` on `threads` and waits for it; rethrows its exception.
void run_and_wait(IoThreads& threads, std::function<Task<void>()> task);

}  // namespace guildhall::app
